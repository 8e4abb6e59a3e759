"""What was gathered during a run of the suite, read from its folder. Pure: files in, records out.

Called by `verdict` and, for the numbers that it waits for, by `observe`. Always holds: a record that cannot be read is an error with
the file's name, never a record less.
"""

import json
import re
from calendar import timegm
from dataclasses import dataclass, field
from pathlib import Path
from time import strptime

REQUESTS = "clearway_requests_total"
ATTEMPTS = "clearway_upstream_attempts_total"
RECORDS = "clearway_telemetry_records_total"
QUEUED = "clearway_telemetry_queued_records"
IN_FLIGHT = "clearway_requests_in_flight"
MIRRORED = "clearway_mirrored_requests_total"
KEPT = (REQUESTS, ATTEMPTS, RECORDS, QUEUED, IN_FLIGHT, MIRRORED)
# What a sampled counter may not do is fall; these two may.
GAUGES = (QUEUED, IN_FLIGHT)

ACCESS = '"event":"gateway.http.access"'
KINDS = {2: "SERVER", 3: "CLIENT"}
SAMPLE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Unreadable(Exception):
    """A file of the evidence is not what it should be; the text names it."""


def seconds(text: str) -> float:
    """An RFC 3339 time as seconds since 1970."""
    whole, fraction, zone = re.fullmatch(r"([^.Z+]{19})(\.\d+)?(Z|[+-]\d\d:\d\d)", text).groups()
    offset = 0 if zone == "Z" else int(zone[0] + "1") * (3600 * int(zone[1:3]) + 60 * int(zone[4:6]))
    return timegm(strptime(whole, "%Y-%m-%dT%H:%M:%S")) - offset + float(fraction or 0)


def samples(page: str) -> list:
    """[name, labels, value] of every sample of the kept families on a page in the text format."""
    found = []
    for line in page.splitlines():
        if not line.startswith(KEPT):
            continue
        name, labels, value = SAMPLE.fullmatch(line).groups()
        if name in KEPT:
            found.append([name, dict(LABEL.findall(labels or "")), float(value)])
    return found


def series(name: str, labels: dict) -> tuple:
    """A series as a key."""
    return name, tuple(sorted(labels.items()))


@dataclass
class Counts:
    """What counters of one data plane gained between the first scrape and the last, and where they stand.

    A series dies with its object, some scrapes after its last change, and begins anew at nothing when the object comes back: what it
    gained before is kept. This is what Prometheus does, so what a scraper cannot add up is found here too.
    """

    gained: dict = field(default_factory=dict)
    last: dict = field(default_factory=dict)
    scrapes: int = 0
    fallen: list = field(default_factory=list)

    def scrape(self, found: list) -> None:
        now = {series(name, labels): value for name, labels, value in found}
        if len(now) != len(found):
            raise Unreadable("a scrape has a series twice")
        for key, value in now.items():
            before = self.last.get(key, 0.0)
            if key[0] not in GAUGES and self.scrapes:
                if value < before:
                    self.fallen.append((key, before, value))
                    before = 0.0
                if value > before:
                    self.gained[key] = self.gained.get(key, 0) + round(value - before)
        self.last = now
        self.scrapes += 1

    def standing(self, name: str) -> int:
        return round(sum(value for key, value in self.last.items() if key[0] == name))


def total(counts: list, name: str, **labels: str) -> int:
    """What all data planes gained in the series of a family that have these labels."""
    wanted = set(labels.items())
    return sum(
        gain for one in counts for (family, having), gain in one.gained.items() if family == name and wanted <= set(having)
    )


@dataclass
class Evidence:
    """Everything about one run."""

    exchanges: list
    lines: list
    spans: list
    counts: list
    problems: list


def read_jsonl(path: Path) -> list:
    """One JSON value of each line."""
    found = []
    with open(path, encoding="utf-8", errors="strict") as file:
        for number, line in enumerate(file, 1):
            try:
                found.append(json.loads(line))
            except ValueError as error:
                raise Unreadable(f"{path}:{number}: {error}: {line[:200]!r}") from None
    return found


def access_lines(path: Path, since: float) -> list:
    """Access-log lines in a pod's output that are not older than `since`; `pod` says whose they are."""
    found = []
    with open(path, encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            if ACCESS not in text or not text.endswith("\n"):
                continue
            try:
                line = json.loads(text)
            except ValueError as error:
                raise Unreadable(f"{path}:{number}: {error}: {text[:200]!r}") from None
            line["ended"] = seconds(line["timestamp"])
            line["began"] = line["ended"] - line["duration_seconds"]
            line["pod"] = path.name.removeprefix("lines-")
            if line["ended"] >= since:
                found.append(line)
    return found


def value_of(attribute: dict):
    """An attribute's value; numbers are text in OTLP's JSON."""
    (kind, value), = attribute.items()
    return int(value) if kind == "intValue" else value


def spans(path: Path, since: float) -> list:
    """Spans in the collector's file that ended at `since` or later."""
    found = []
    for message in read_jsonl(path):
        for resource in message.get("resourceSpans", []):
            for scope in resource.get("scopeSpans", []):
                for span in scope.get("spans", []):
                    if int(span["endTimeUnixNano"]) / 1e9 >= since:
                        found.append({
                            "id": span["spanId"], "trace": span["traceId"], "parent": span.get("parentSpanId", ""),
                            "kind": KINDS.get(span["kind"], str(span["kind"])),
                            "has": {one["key"]: value_of(one["value"]) for one in span.get("attributes", [])},
                        })
    return found


def read(folder: Path) -> Evidence:
    """The evidence of a folder."""
    about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    since = about["began"]
    exchanges = read_jsonl(folder / "exchanges.jsonl")
    for exchange in exchanges:
        exchange["began"], exchange["ended"] = seconds(exchange["began"]), seconds(exchange["ended"])
    lines, counts = [], []
    for pod in about["pods"]:
        lines += access_lines(folder / f"lines-{pod}", since)
        one = Counts()
        for scrape in read_jsonl(folder / f"scrapes-{pod}.jsonl"):
            one.scrape(scrape["samples"])
        counts.append(one)
    lines.sort(key=lambda line: line["ended"])
    return Evidence(exchanges, lines, spans(folder / "spans.jsonl", since), counts, list(about["problems"]))
