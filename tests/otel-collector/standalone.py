"""A gateway and the Collector with the shipped standalone config: do metrics, spans and log lines arrive, and do they agree?

Called by `standalone`, in a network namespace of its own, so every port is the one of the config. What always holds: each check compares
numbers of two ends; the config under test is otel-collector/standalone.yaml as it stands, given only its documented variables.
"""

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
import threading
import time
import urllib.parse
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from telemetry import Failed, Program, Sink, attributes, get, lines, log_records, points, server_spans, until

ROOT = Path(__file__).resolve().parent.parent.parent
CONFIG = ROOT / "otel-collector" / "standalone.yaml"
REQUESTS = 300
# A token that a client sends where no gateway looks for one: the path.
PLANTED = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.c2lnbmF0dXJl"
# Kept beside the shipped exporters, so that every metric point can be read.
OVERLAY = """exporters:
  file/points: {path: "%s/points.json", flush_interval: 100ms}
service: {pipelines: {metrics: {exporters: [otlp_http/prometheus, file/points]}}}
"""


class Backend(BaseHTTPRequestHandler):
    """Answers 200 to everything: where examples/quickstart expects its demo backends."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"ok\n")

    def log_message(self, *_):
        pass


class Run:
    """Everything that runs, ended when the test ends."""

    def __init__(self, given, folder):
        self.given, self.folder = given, Path(folder)
        self.programs = []
        self.access_log = self.folder / "access.json"

    def start(self, name, *command, **rest):
        program = Program(self.folder / f"{name}.log", *command, **rest)
        self.programs.append(program)
        return program

    def begin(self):
        given, folder = self.given, self.folder
        for port in (18091, 18092):
            server = ThreadingHTTPServer(("127.0.0.1", port), Backend)
            threading.Thread(target=server.serve_forever, daemon=True).start()
        self.sink = Sink(given.otelcol, folder, "127.0.0.1", 5317)
        self.programs.append(self.sink)
        (folder / "prometheus.yml").write_text("storage: {tsdb: {out_of_order_time_window: 10m}}\n", encoding="utf-8")
        self.start(
            "prometheus", given.prometheus, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
            "--web.listen-address=127.0.0.1:9090", "--web.enable-otlp-receiver", "--enable-feature=exemplar-storage",
        ).says("Server is ready to receive web requests")
        (folder / "overlay.yaml").write_text(OVERLAY % folder, encoding="utf-8")
        env = {**os.environ, "CLEARWAY_ACCESS_LOG": str(self.access_log), "STORAGE_DIRECTORY": str(folder / "storage")}
        self.collector = self.start(
            "collector", given.otelcol, "--config", CONFIG, "--config", folder / "overlay.yaml", env=env,
        ).says("Everything is ready")
        self.gateway = self.start(
            "gateway", given.clearway, "run", "--config", ROOT / "examples" / "quickstart", "--access-log", self.access_log,
            "--otlp-traces-endpoint", "http://127.0.0.1:4317", "--trace-sample-ratio", "1", "--workers", "1",
        )
        until(30, "a gateway that is ready", lambda: get("http://127.0.0.1:19080/readyz"))

    def requests(self):
        client = HTTPConnection("127.0.0.1", 10080, timeout=10)
        for number in range(REQUESTS):
            path = ("/", "/rewrite/a", "/redirect/b", f"/reset/{PLANTED}")[number % 4]
            client.request("GET", path)
            answer = client.getresponse()
            answer.read()
            if answer.status not in (200, 302):
                raise Failed(f"{path} is answered {answer.status}")

    def end(self):
        for program in self.programs:
            program.kill()


def query(expression):
    answer = get("http://127.0.0.1:9090/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
    return json.loads(answer)["data"]["result"]


def summed(expression):
    result = query(expression)
    return float(result[0]["value"][1]) if result else None


# Name and labels of a line of Prometheus' text; the gateway escapes nothing in the names of this test.
SAMPLE = re.compile(r"^(clearway_\w+)(?:\{(.*)\})? \S+$")
LABEL = re.compile(r'(\w+)="([^"]*)"')


def exposed():
    """Every series that the gateway exposes now: name and labels."""
    found = set()
    for line in get("http://127.0.0.1:19080/metrics", Accept="text/plain").splitlines():
        sample = SAMPLE.match(line)
        if sample:
            found.add((sample[1], same_bounds(dict(LABEL.findall(sample[2] or "")))))
    return found


def same_bounds(labels):
    """Labels whose `le` is the number: on the way of OTLP 1.0 becomes 1, which docs/operations/collector.md says."""
    return frozenset((name, float(value) if name == "le" else value) for name, value in labels.items())


def stored():
    """Every series of the gateway in Prometheus, without what the scrape adds."""
    found = set()
    for one in query('{__name__=~"clearway_.+",job="clearway-static"}'):
        labels = {key: value for key, value in one["metric"].items() if key not in ("__name__", "job", "instance")}
        found.add((one["metric"]["__name__"], same_bounds(labels)))
    return found


def check_metrics(run):
    """The counter in Prometheus is what was sent; every series of the gateway is there with its own name and labels, and no other."""
    until(60, f"{REQUESTS} requests in Prometheus", lambda: summed("sum(clearway_requests_total)") == REQUESTS)
    series = query("clearway_requests_total")[0]["metric"]
    wanted = {"job": "clearway-static", "instance": "127.0.0.1:19080", "gateway_name": "demo", "gateway_namespace": "default"}
    wrong = {name: series.get(name) for name, value in wanted.items() if series.get(name) != value}
    if wrong:
        raise Failed(f"labels of clearway_requests_total are not {wanted}, but {wrong}")
    # Some speak of the scrape before, or of this one: they come with the next.
    differs = lambda: stored() ^ exposed()
    try:
        until(40, "all series", lambda: not differs())
    except Failed:
        raise Failed(f"series that only one of gateway and Prometheus has: {sorted(map(str, differs()))[:10]}") from None
    if {one["value"][1] for one in query('up{job="clearway-static"}')} != {"1"}:
        raise Failed("up of the job clearway-static is not 1")
    own = "otelcol_exporter_sent_spans_total"
    until(60, f"the Collector's own {own} in Prometheus", lambda: summed(f"sum({own})"))
    if not any(point["metric"] == "clearway_requests_total" for point in points(run.folder / "points.json")):
        raise Failed("the file exporter has no point of clearway_requests_total")
    return len(exposed())


def check_exemplars(run):
    """Exemplars come along, and lead to traces of these requests."""
    asked = urllib.parse.urlencode({"query": "clearway_request_duration_seconds_bucket", "start": time.time() - 600, "end": time.time()})
    answer = json.loads(get("http://127.0.0.1:9090/api/v1/query_exemplars?" + asked))["data"]
    found = {one["labels"]["trace_id"] for series in answer for one in series["exemplars"]}
    traces = {json.loads(line)["trace_id"] for line in run.access_log.read_text(encoding="utf-8").splitlines()}
    if not found or not found <= traces:
        raise Failed(f"exemplars in Prometheus lead to {len(found)} traces, {len(found - traces)} of them are of no request")
    return len(found)


def check_logs(run):
    """Every line of the file is one record, with the ids of its span; the fields that the values name, and no more."""
    written = [json.loads(line) for line in run.access_log.read_text(encoding="utf-8").splitlines()]
    if len(written) != REQUESTS:
        raise Failed(f"{len(written)} lines in the access log for {REQUESTS} requests")
    ids = {(line["trace_id"], line["span_id"]) for line in written}
    until(30, f"{REQUESTS} log records", lambda: sum(lines(run.sink.logs).values()) >= REQUESTS)
    until(30, f"{REQUESTS} SERVER spans", lambda: sum(server_spans(run.sink.traces).values()) >= REQUESTS)
    for what, found in (("log records", lines(run.sink.logs)), ("spans", server_spans(run.sink.traces))):
        if set(found) != ids or sum(found.values()) != REQUESTS:
            raise Failed(f"{what}: {sum(found.values())} of {REQUESTS}, {len(set(found) ^ ids)} ids differ from those in the access log")
    by_span = {line["span_id"]: line for line in written}
    for _, record in log_records(run.sink.logs):
        line, fields = by_span[record["spanId"]], attributes(record)
        if record["severityNumber"] != (9 if line["level"] == "info" else 17):
            raise Failed(f"severity {record['severityNumber']} for level {line['level']}")
        for name in ("code", "gateway_name", "route_name", "duration_seconds", "config_version"):
            if fields.get(name) != line.get(name):
                raise Failed(f"attribute {name} is {fields.get(name)}, in the line {line.get(name)}")
        if "path" in fields or "client_address" in fields:
            raise Failed("an attribute that the values do not name")
        at = line["timestamp"].split(".")[1].rstrip("Z")
        if not record["timeUnixNano"].endswith(at):
            raise Failed(f"time {record['timeUnixNano']} is not {line['timestamp']}")


def check_secrets(run):
    """What only the Collector knows to be a secret is in no span and in no log record."""
    if PLANTED not in run.access_log.read_text(encoding="utf-8"):
        raise Failed("the planted token is not in the access log: this check would find nothing")
    for file in (run.sink.traces, run.sink.logs):
        text = file.read_text(encoding="utf-8")
        if "eyJzdWIiOi" in text or "REDACTED" not in text:
            raise Failed(f"{file.name} has the planted token, or nothing was redacted")


def check_quiet(run):
    """The Collector complains of nothing: no error, no deprecated name."""
    for line in run.collector.log.read_text(encoding="utf-8").splitlines():
        level = json.loads(line).get("level") if line.startswith("{") else ""
        if level == "error" or "deprecat" in line.lower():
            raise Failed(f"the Collector says: {line}")


def main():
    parser = argparse.ArgumentParser(description="Called by tests/otel-collector/standalone.")
    for name in ("clearway", "otelcol", "prometheus"):
        parser.add_argument(f"--{name}", required=True)
    folder = tempfile.mkdtemp(prefix="clearway-standalone-")
    run = Run(parser.parse_args(), folder)
    try:
        run.begin()
        run.requests()
        series = check_metrics(run)
        if run.gateway.end() != 0:
            raise Failed(f"the gateway ended badly:\n{run.gateway.tail()}")
        exemplars = check_exemplars(run)
        check_logs(run)
        check_secrets(run)
        check_quiet(run)
        if run.collector.end() != 0:
            raise Failed(f"the Collector ended badly:\n{run.collector.tail()}")
    except Failed as failure:
        print(f"tests/otel-collector/standalone: {failure}\n  Everything is in {folder}", file=sys.stderr)
        return 1
    finally:
        run.end()
    shutil.rmtree(folder)
    print(f"tests/otel-collector/standalone: {REQUESTS} requests = spans = log records = counted, {series} series in Prometheus as the gateway has them, with exemplars of {exemplars} traces")
    return 0


if __name__ == "__main__":
    sys.exit(main())
