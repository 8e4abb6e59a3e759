"""What the tests of the Collector read: files of its file exporter, Prometheus text, and a sink that stands for the backends.

Always holds: what is started here is ended here, by its own process; a file is read up to its last whole line.
"""

import json
import subprocess
import time
import urllib.request
from collections import Counter
from pathlib import Path

# An HTTP proxy named in the environment must not stand between this and the loopback or the cluster.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
SERVER = 2


class Failed(Exception):
    """Something is not as it should be; the text says what."""


def get(url, **headers):
    with DIRECT.open(urllib.request.Request(url, headers=headers), timeout=10) as answer:
        return answer.read().decode()


def until(seconds, what, holds):
    """Looks until `holds` gives something true, and returns it; it may raise what a server that is not there yet makes it raise."""
    end, last = time.monotonic() + seconds, None
    while time.monotonic() < end:
        try:
            found = holds()
            if found:
                return found
        except (OSError, ValueError, KeyError) as error:
            last = error
        time.sleep(0.2)
    raise Failed(f"waited {seconds} s in vain for: {what}" + (f" ({last})" if last else ""))


def messages(path):
    """Whole lines of a file of the file exporter."""
    if not Path(path).exists():
        return
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                yield json.loads(line)


def plain(value):
    """A value of OTLP as one of Python."""
    (kind, inner), = value.items() if value else (("stringValue", ""),)
    if kind == "intValue":
        return int(inner)
    return inner


def attributes(of):
    return {pair["key"]: plain(pair["value"]) for pair in of.get("attributes", [])}


def records(path, resources, scopes, items):
    """Each record with the attributes of its resource."""
    for message in messages(path):
        for resource in message.get(resources, []):
            about = attributes(resource.get("resource", {}))
            for scope in resource.get(scopes, []):
                for item in scope.get(items, []):
                    yield about, item


def spans(path):
    return records(path, "resourceSpans", "scopeSpans", "spans")


def log_records(path):
    return records(path, "resourceLogs", "scopeLogs", "logRecords")


def points(path, name=None):
    """Each point of the metrics that are called so: attributes of resource and point, time in seconds, value."""
    for about, metric in records(path, "resourceMetrics", "scopeMetrics", "metrics"):
        if name in (None, metric["name"]):
            for kind in ("sum", "gauge", "histogram", "exponentialHistogram", "summary"):
                for point in metric.get(kind, {}).get("dataPoints", []):
                    value = point.get("asDouble", point.get("asInt", point.get("count")))
                    yield {
                        "metric": metric["name"], "resource": about, "labels": attributes(point),
                        "at": int(point["timeUnixNano"]) / 1e9, "value": float(value or 0),
                    }


def newest(path, name):
    """The last value of each series, by its labels."""
    found = {}
    for point in points(path, name):
        key = tuple(sorted(point["labels"].items()))
        if key not in found or found[key]["at"] <= point["at"]:
            found[key] = point
    return list(found.values())


def server_spans(path):
    """How often each SERVER span has come, by trace and span."""
    return Counter((span["traceId"], span["spanId"]) for _, span in spans(path) if span.get("kind") == SERVER)


def lines(path):
    """How often the record of each access-log line has come, by trace and span."""
    return Counter(
        (record["traceId"], record["spanId"]) for _, record in log_records(path)
        if attributes(record).get("event") == "gateway.http.access"
    )


class Program:
    """A program with its output in a file; ended with `end`, by its own process."""

    def __init__(self, log, *command, env=None):
        self.log = Path(log)
        with open(log, "wb") as out:
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env)

    def says(self, text, seconds=60):
        def found():
            if self.process.poll() is not None:
                raise Failed(f"{self.log} ended with {self.process.returncode} before it said '{text}'; its end:\n{self.tail()}")
            return text in self.log.read_text(encoding="utf-8", errors="replace")
        until(seconds, f"'{text}' in {self.log}", found)
        return self

    def tail(self):
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])

    def end(self, seconds=60):
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(seconds)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


# Traces by gRPC, metrics as Prometheus takes them, logs as Loki takes them: one receiver each, since each has a path of its own.
SINK = """receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "{address}:{grpc}", max_recv_msg_size_mib: 16}}}}}}
  otlp/prometheus: {{protocols: {{http: {{endpoint: "{address}:19090", metrics_url_path: /api/v1/otlp/v1/metrics}}}}}}
  otlp/loki: {{protocols: {{http: {{endpoint: "{address}:3100", logs_url_path: /otlp/v1/logs}}}}}}
exporters:
  file/traces: {{path: "{folder}/traces.json", flush_interval: 100ms}}
  file/metrics: {{path: "{folder}/metrics.json", flush_interval: 100ms}}
  file/logs: {{path: "{folder}/logs.json", flush_interval: 100ms}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    traces: {{receivers: [otlp], exporters: [file/traces]}}
    metrics: {{receivers: [otlp, otlp/prometheus], exporters: [file/metrics]}}
    logs: {{receivers: [otlp, otlp/loki], exporters: [file/logs]}}
"""


class Sink(Program):
    """A Collector that writes what it gets to files."""

    def __init__(self, otelcol, folder, address, grpc):
        self.folder = Path(folder)
        config = self.folder / "sink.yaml"
        config.write_text(SINK.format(folder=folder, address=address, grpc=grpc), encoding="utf-8")
        super().__init__(self.folder / "sink.log", otelcol, "--config", config)
        self.traces, self.metrics, self.logs = (self.folder / f"{kind}.json" for kind in ("traces", "metrics", "logs"))
        self.says("Everything is ready")
