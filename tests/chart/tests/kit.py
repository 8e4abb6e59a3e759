"""What the tests of the chart share: both Helms, presets, rendered objects as Python values."""

import atexit
import json
import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent.parent
CHART = ROOT / "charts" / "clearway"
HELMS = {"helm3": os.environ["CLEARWAY_HELM3"], "helm4": os.environ["CLEARWAY_HELM4"]}
# Both Helms keep to themselves: no plugins, repositories or caches of whoever runs the tests.
HOME = tempfile.mkdtemp(prefix="clearway-helm.")
atexit.register(shutil.rmtree, HOME, True)
ENV = {**os.environ, **{f"HELM_{part}_HOME": f"{HOME}/{part}" for part in ("CONFIG", "CACHE", "DATA")}}

# Each is rendered as its users would: name, namespace, files of values.
PRESETS = {"default": ("clearway", [])} | {
    file.stem: ("nantian-gw" if file.stem == "nantian-gw" else "clearway", [file])
    for folder in (CHART / "examples", HERE / "values")
    for file in sorted(folder.glob("*.yaml"))
}


def helm(which, *arguments):
    """Runs one of the Helms; gives exit code, output and what it complains of."""
    done = subprocess.run([HELMS[which], *map(str, arguments)], env=ENV, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def template(which, preset="default", *options):
    """The rendered text of a preset."""
    release, files = PRESETS[preset]
    values = [word for file in files for word in ("-f", file)]
    code, text, said = helm(which, "template", release, CHART, "-n", release, *values, *options)
    if code:
        raise AssertionError(f"{which} does not render {preset}: {said}")
    return text


@cache
def objects(preset="default", *options):
    """The rendered objects of a preset."""
    return documents(template("helm3", preset, *options))


def documents(text):
    """YAML documents as Python values; Helm reads them."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        code, answer, said = helm("helm3", "template", "x", HERE / "tojson", "--set-file", f"text={file.name}")
    if code:
        raise AssertionError(f"cannot be read: {said}")
    return [json.loads(line) for line in answer.splitlines() if line.startswith("{")]


def find(made, kind, name=None):
    """The one object of this kind and name."""
    found = [it for it in made if it["kind"] == kind and name in (None, it["metadata"]["name"])]
    if len(found) != 1:
        raise AssertionError(f"{len(found)} objects are {kind} {name or ''}")
    return found[0]


def normal(text):
    """A rendering without what other tests compare with its source, dashboards and rules, and without blanks at ends of lines."""
    text = re.sub(r"^( +clearway-[a-z-]+\.json: )\|-\n(?:    .*\n|\n)+", r"\1as in grafana/dashboards\n", text, flags=re.M)
    text = re.sub(r"^(kind: PrometheusRule\n(?:(?!---).*\n)*?spec:\n  groups:)\n(?:    .*\n|\n)+", r"\1 as in prometheus-rules\n", text, flags=re.M)
    lines = (line.rstrip() for line in text.splitlines())
    return "\n".join(line for line in lines if line) + "\n"


def golden(case, path, text):
    """Compares with a file of tests/chart/golden, or writes it with UPDATE_GOLDENS=1."""
    file = HERE / "golden" / path
    if os.environ.get("UPDATE_GOLDENS"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    there = file.read_text() if file.is_file() else ""
    case.maxDiff = 4000
    case.assertEqual(there, text, f"golden/{path} is another one. If it shall be so: tests/chart/test --update")
