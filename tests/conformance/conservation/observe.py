"""Gathers evidence while a command runs: the data planes' output, their metrics every two seconds, and their spans by a real
OpenTelemetry Collector. Called by `tests/conformance/observe`, in the cluster's network namespace.

Always holds: what is started here is ended here, by its pid; what goes wrong with the gathering itself is written into the evidence as
a problem, so that a blind observer never looks like a gateway in order; the command's exit code is passed on.
"""

import json
import subprocess
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from .evidence import IN_FLIGHT, QUEUED, RECORDS, Counts, Unreadable, access_lines, samples, spans, total

INTERVAL = 2.0
# Until everything under way has arrived: a batch of spans, a line in a pipe.
SETTLE = 60.0
READY = 60.0
# An HTTP proxy named in the environment must not stand between this and the cluster.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))

# What an observation leaves in its folder; the next one begins by removing it.
OWN = ("about.json", "collector.*", "exchanges.jsonl", "lines-*", "scrapes-*.jsonl", "spans.jsonl")

COLLECTOR = """receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "{listen}"}}}}}}
exporters:
  file: {{path: "{path}", flush_interval: 100ms}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    traces: {{receivers: [otlp], exporters: [file]}}
"""


class Failed(Exception):
    """The observation cannot begin; the text says what failed and what to do next."""


@dataclass
class Options:
    """Where things are."""

    folder: Path
    kubectl: str
    collector: str
    listen: str
    namespace: str
    release: str


class Pod:
    """A data plane: its output follows into a file, its metrics are scraped."""

    def __init__(self, options: Options, name: str, address: str, since: float):
        self.options, self.name, self.address = options, name, address
        self.lines, self.scrapes = options.folder / f"lines-{name}", options.folder / f"scrapes-{name}.jsonl"
        self.counts = Counts()
        self.lock = threading.Lock()
        # A little earlier: its clock counts whole seconds. Older lines are told by their own time.
        begin = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(since - 1))
        with open(self.lines, "wb") as out:
            self.follow = subprocess.Popen(
                [options.kubectl, "-n", options.namespace, "logs", "--follow", f"--since-time={begin}", name],
                stdin=subprocess.DEVNULL, stdout=out,
            )

    def scrape(self) -> None:
        request = urllib.request.Request(f"http://{self.address}:19080/metrics", headers={"Accept": "text/plain"})
        with self.lock, DIRECT.open(request, timeout=10) as answer:
            found = samples(answer.read().decode())
            self.counts.scrape(found)
            with open(self.scrapes, "a", encoding="utf-8") as out:
                out.write(json.dumps({"at": time.time(), "samples": found}) + "\n")


@dataclass
class Observation:
    """What runs while the command runs."""

    options: Options
    began: float = 0.0
    pods: list = field(default_factory=list)
    problems: list = field(default_factory=list)
    collector: subprocess.Popen | None = None

    def fleet(self) -> dict:
        """Names of the data plane's pods, with address and restarts; not those that an earlier deployment leaves."""
        selector = f"app.kubernetes.io/instance={self.options.release},app.kubernetes.io/component=dataplane"
        command = [self.options.kubectl, "-n", self.options.namespace, "get", "pods", "-l", selector, "-o", "json"]
        listed = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)
        return {
            pod["metadata"]["name"]: (
                pod["status"].get("podIP"), [one["restartCount"] for one in pod["status"].get("containerStatuses", [])]
            )
            for pod in listed["items"] if "deletionTimestamp" not in pod["metadata"]
        }

    def begin(self) -> None:
        options = self.options
        self.began = time.time()
        fleet = self.fleet()
        if not fleet:
            raise Failed(f"release '{options.release}' has no data plane. Next: tests/cluster/deploy")
        for stale in (path for pattern in OWN for path in options.folder.glob(pattern)):
            stale.unlink()
        config = options.folder / "collector.yaml"
        config.write_text(COLLECTOR.format(listen=options.listen, path=options.folder / "spans.jsonl"), encoding="utf-8")
        with open(options.folder / "collector.log", "wb") as out:
            self.collector = subprocess.Popen(
                [options.collector, "--config", str(config)], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        (options.folder / "spans.jsonl").touch()
        self.await_collector()
        self.pods = [Pod(options, name, address, self.began) for name, (address, _) in fleet.items()]
        self.first = fleet
        for pod in self.pods:
            pod.scrape()

    def await_collector(self) -> None:
        end = time.monotonic() + READY
        while "Everything is ready" not in (self.options.folder / "collector.log").read_text(encoding="utf-8", errors="replace"):
            if self.collector.poll() is not None or time.monotonic() > end:
                raise Failed(f"the collector does not become ready. Next: read {self.options.folder}/collector.log")
            time.sleep(0.1)

    def watch(self, ended: threading.Event) -> None:
        """Scrapes as Prometheus would: a scrape that fails is none, the next one adds up."""
        while not ended.wait(INTERVAL):
            for pod in self.pods:
                try:
                    pod.scrape()
                except (OSError, Unreadable) as error:
                    self.problems.append(f"a scrape of {pod.name} failed: {error}")

    def settled(self) -> str:
        """What is still under way; nothing when all has arrived."""
        counts = [pod.counts for pod in self.pods]
        standing = {name: sum(one.standing(name) for one in counts) for name in (IN_FLIGHT, QUEUED)}
        lines = sum(len(access_lines(pod.lines, self.began)) for pod in self.pods)
        got = len(spans(self.options.folder / "spans.jsonl", self.began))
        wanted = {signal: total(counts, RECORDS, signal=signal, outcome="exported") for signal in ("access_log", "spans")}
        if any(standing.values()) or (lines, got) != (wanted["access_log"], wanted["spans"]):
            return (f"{standing[IN_FLIGHT]} requests in flight, {standing[QUEUED]} records queued, {lines} lines of "
                    f"{wanted['access_log']}, {got} spans of {wanted['spans']}")
        return ""

    def settle(self) -> None:
        """Waits until everything has arrived; what has not is a problem, and the comparison says what it was."""
        end, left = time.monotonic() + SETTLE, "nothing was read"
        while left and time.monotonic() < end:
            try:
                for pod in self.pods:
                    pod.scrape()
                left = self.settled()
            except (OSError, Unreadable) as error:
                # A file may end in half a line while it is written.
                left = str(error)
            time.sleep(0.5 if left else 0)
        if left:
            self.problems.append(f"still under way {SETTLE:.0f} s after the end: {left}")

    def end(self) -> None:
        for pod in self.pods:
            if pod.follow.poll() is not None:
                self.problems.append(f"kubectl logs of {pod.name} ended by itself with {pod.follow.returncode}")
            stop(pod.follow)
        if self.collector and self.collector.poll() is not None:
            self.problems.append(f"the collector ended by itself with {self.collector.returncode}")
        stop(self.collector)
        if self.pods and (now := self.fleet()) != self.first:
            self.problems.append(f"the data planes changed: {self.first} at first, {now} in the end")

    def write(self) -> None:
        about = {"began": self.began, "pods": [pod.name for pod in self.pods], "problems": self.problems}
        (self.options.folder / "about.json").write_text(json.dumps(about), encoding="utf-8")


def stop(process: subprocess.Popen | None) -> None:
    """Ends a process that was started here."""
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run(options: Options, command: list) -> int:
    """Runs the command and gathers; gives its exit code."""
    options.folder.mkdir(parents=True, exist_ok=True)
    observation, ended = Observation(options), threading.Event()
    try:
        observation.begin()
        watching = threading.Thread(target=observation.watch, args=[ended], name="scraper")
        watching.start()
        try:
            code = subprocess.run(command, check=False).returncode
        finally:
            ended.set()
            watching.join()
        observation.settle()
    finally:
        observation.end()
    observation.write()
    return code
