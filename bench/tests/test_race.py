"""What the race's verdicts rest on: the arithmetic, the span count, the faults. Run: `bench/test`."""

import unittest

from race import contenders, measure, report, score, site, witness


def run(contender: str, number: int, cpu: float, **more) -> dict:
    return {
        "contender": contender, "round": number, "cpu_us_per_request": cpu, "requests": 1000,
        "warmup_requests": 100, "requests_per_second": 1e6 / cpu, "latency_us": {"p50": 1, "p99": 2, "max": 3},
        "rss_kib": 1024, "rss_peak_kib": 2048, "core_busy_by_contender": 0.9, "core_busy_by_others": 0.0,
        "core_stolen": 0.0, "ready_seconds": 0.1, "faults": [], **more,
    }


class Score(unittest.TestCase):
    def test_ratio_is_taken_within_each_round(self):
        # The machine halves its speed in round 2: the ratio does not move, a ratio of medians would.
        runs = [run("a", 1, 10), run("b", 1, 8), run("a", 2, 20), run("b", 2, 16), run("b", 3, 8), run("a", 3, 12)]
        found = score.ratio(runs, "a", "b")
        self.assertEqual(found["by_round"], [1.25, 1.25, 1.5])
        self.assertEqual((found["median"], found["min"], found["max"]), (1.25, 1.25, 1.5))
        self.assertIsNone(score.ratio(runs, "a", "c"))

    def test_goals_pass_and_miss(self):
        runs = [run("clearway-on", 1, 12), run("haproxy", 1, 10), run("nginx-log", 1, 12), run("clearway-off", 1, 10)]
        by_under = {goal["under"]: goal for goal in score.goals(runs)}
        self.assertFalse(by_under["haproxy"]["passed"])
        self.assertAlmostEqual(by_under["haproxy"]["missed_by"], 1.2 / 1.15 - 1)
        self.assertFalse(by_under["nginx-log"]["passed"], "below means below, equal is a miss")
        self.assertTrue(by_under["clearway-off"]["passed"], "at most means equal passes")
        self.assertIsNone(by_under["clearway-on-1-lua"]["median"])

    def test_every_name_of_a_ratio_races(self):
        names = {contender.name for contender in contenders.ALL}
        for over, under in [goal[:2] for goal in score.GOALS] + score.RATIOS:
            self.assertLessEqual({over, under}, names)

    def test_choose(self):
        self.assertEqual([c.name for c in contenders.choose("nginx,envoy-log")], ["nginx", "envoy-log"])
        self.assertEqual({c.program for c in contenders.choose("clearway")}, {"clearway"})
        self.assertEqual(len(contenders.choose("clearway")), 6)
        with self.assertRaises(ValueError):
            contenders.choose("apache")


def field(number: int, value: bytes) -> bytes:
    size = len(value)
    head = bytes([number << 3 | 2])
    return head + (bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])) + value


class Witness(unittest.TestCase):
    def test_spans_are_counted_by_kind(self):
        server = field(5, b"x" * 150) + bytes([6 << 3, 2]) + bytes([7 << 3 | 1]) + b"\0" * 8
        client = bytes([6 << 3, 3])
        scope = field(1, field(1, b"scope")) + field(2, server) + field(2, client) + field(2, client)
        export = field(1, field(1, b"") + field(2, scope)) + field(1, field(2, field(2, field(5, b"no kind"))))
        self.assertEqual(witness.count_spans(export), {"server": 1, "client": 2, "other": 1})


class Faults(unittest.TestCase):
    ERRORS = {"connect": 0, "read": 0, "write": 0, "status": 0, "timeout": 0}

    def figures(self, **more) -> dict:
        made = {"log_lines": 1100, "counter": 1110, "scrapes": 8, "scrape_failures": [], "refused": [],
                "spans": {"server": 11, "client": 11, "other": 0}}
        made.update(more.pop("telemetry", {}))
        return run("clearway-on", 1, 10, seconds=8.0, errors=self.ERRORS, warmup_errors=self.ERRORS,
                   backend_requests=1105, telemetry=made, **more)

    def found(self, figures: dict) -> list[str]:
        launch = site.Launch([], scrape="x", log="y", traces=True, counter="z")
        return measure.faults(figures, launch, connections=2)

    def test_requests_in_flight_are_no_fault(self):
        self.assertEqual(self.found(self.figures()), [])

    def test_each_fault_is_named(self):
        for change, word in [
            ({"errors": {**self.ERRORS, "status": 1}}, "status"),
            ({"warmup_errors": {**self.ERRORS, "read": 2}}, "warmup"),
            ({"backend_requests": 1099}, "backend"),
            ({"backend_requests": 2000}, "backend"),
            ({"telemetry": {"log_lines": 1099}}, "access-log"),
            ({"telemetry": {"counter": 1000}}, "counter"),
            ({"telemetry": {"scrapes": 7}}, "scrapes"),
            ({"telemetry": {"scrape_failures": ["status 500"]}}, "status 500"),
            ({"telemetry": {"spans": {"server": 0}, "log_lines": 1100}, "requests": 10**6 + 1000}, "SERVER"),
            ({"telemetry": {"refused": ["path /x"]}}, "/x"),
        ]:
            figures = self.figures()
            figures["telemetry"].update(change.pop("telemetry", {}))
            figures.update(change)
            with self.subTest(word=word):
                self.assertIn(word, " ".join(self.found(figures)))


    def test_counter_is_summed_over_its_series(self):
        text = '# TYPE a_total counter\na_total{x="1 2"} 3\na_total{x="}"} 4 1700000000\nb_total 9\n'
        self.assertEqual(measure.counter_sum(text, "a_total"), 7)
        self.assertEqual(measure.counter_sum(text, "b_total"), 9)
        self.assertIsNone(measure.counter_sum(text, "c_total"))


class Page(unittest.TestCase):
    def page(self, runs: list[dict]) -> str:
        return report.page({
            "date": "", "commit": "", "took_seconds": 60, "machine": {}, "versions": {}, "load_average": "",
            "options": {"rounds": 1, "seconds": 8, "warmup": 2, "body": 128, "connections": 64, "proxy_core": 0, "load_core": "1"},
            "goals": score.goals(runs), "ratios": score.ratios(runs), "summary": score.summary(runs), "runs": runs,
        })

    def test_faults_noise_misses_and_gaps_stand_on_the_page(self):
        page = self.page([run("clearway-on", 1, 24, faults=["one error"]), run("haproxy", 1, 10, core_busy_by_others=0.5)])
        for words in ("**FAULTS", "`clearway-on`: one error", "**NOISE: in 1 of 2", "**PARTIAL", "**none: faults**", "not measured"):
            self.assertIn(words, page)
        self.assertIn("**miss, by 108.7 %**", self.page([run("clearway-on", 1, 24), run("haproxy", 1, 10)]))

    def test_a_clean_run_says_so(self):
        page = self.page([run(contender.name, 1, 10) for contender in contenders.ALL])
        for words in ("FAULTS", "NOISE", "PARTIAL", "not measured"):
            self.assertNotIn(words, page)
        self.assertIn("every request accounted for", page)


class Requests(unittest.TestCase):
    def test_routes_are_distinct(self):
        self.assertEqual(len({site.route(index) for index in range(site.MANY)}), site.MANY)
        self.assertEqual(len(site.BODY), 128)


if __name__ == "__main__":
    unittest.main()
