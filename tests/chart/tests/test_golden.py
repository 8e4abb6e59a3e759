"""Every preset renders the same, with both Helms, as it did when somebody last looked; and both find nothing to complain of."""

import unittest

from . import kit


class Goldens(unittest.TestCase):
    def test_every_preset_renders_as_its_golden_with_both_helms(self):
        for preset in kit.PRESETS:
            for which in kit.HELMS:
                with self.subTest(preset=preset, helm=which):
                    kit.golden(self, f"{preset}.yaml", kit.normal(kit.template(which, preset)))

    def test_lint_finds_nothing(self):
        for preset, (release, files) in kit.PRESETS.items():
            for which in kit.HELMS:
                with self.subTest(preset=preset, helm=which):
                    values = [word for file in files for word in ("-f", file)]
                    code, text, said = kit.helm(which, "lint", "--strict", kit.CHART, "-n", release, *values)
                    self.assertEqual(code, 0, text + said)
                    self.assertNotIn("[WARNING]", text + said)

    def test_the_golden_folder_has_nothing_else(self):
        expected = {f"{preset}.yaml" for preset in kit.PRESETS} | {"images.txt", "rights.txt"}
        self.assertEqual({file.name for file in (kit.HERE / "golden").iterdir()}, expected)


if __name__ == "__main__":
    unittest.main()
