"""One measured run: start a contender, warm it up, load it for the timed window, read what it cost.

Called by `bench/run` once per round and contender. Always holds: the window's CPU seconds are the
contender's own, read right before and right after wrk; what does not add up is a fault in the
result, never left out.
"""

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass

from . import peers
from .contenders import Contender
from .process import Failed, Process, core_seconds, cpu_seconds, free_port, get, memory_kib, wait_for
from .site import BODY, Launch, Site, request, write_requests
from .witness import Scraper, Sink

HERE = os.path.dirname(os.path.abspath(__file__))
STATUS = ("active", "accepts", "handled", "requests")


@dataclass
class Options:
    """What the command line says about every run."""

    seconds: float
    warmup: float
    connections: int
    proxy_core: int
    load_core: str
    patience: float = 120.0


class Track:
    """What stays for all runs: folder, programs, ports, the backend and the trace sink."""

    def __init__(self, options: Options, programs: dict[str, str], scratch: str):
        self.options, self.programs, self.scratch = options, programs, scratch
        ports: set[int] = set()
        self.ports = {name: free_port(ports) for name in ("listen", "admin", "backend", "sink")}
        self.runs = 0
        for routes in (1, 10_000):
            write_requests(f"{scratch}/requests-{routes}.txt", routes)
        self.sink = Sink(self.ports["sink"])
        site = self.site("backend")
        launch = peers.backend(site)
        self.backend = Process("backend", launch.argv, options.load_core, site.path("output.log"))
        self.backend_status = launch.ready
        try:
            wait_for(self.backend, self.backend_status, {}, 20)
        except BaseException:
            self.close()
            raise

    def site(self, name: str) -> Site:
        folder = f"{self.scratch}/{self.runs:03d}-{name}"
        self.runs += 1
        os.mkdir(folder)
        return Site(dir=folder, programs=self.programs, **self.ports)

    def close(self) -> None:
        self.sink.close()
        self.backend.stop()

    def backend_counts(self) -> dict[str, int]:
        """nginx's stub_status; this request itself is the last one counted."""
        _, text = get(self.backend_status)
        numbers = [int(word) for word in text.decode().split() if word.isdigit()]
        return dict(zip(STATUS, numbers, strict=False))

    def wrk(self, contender: Contender, seconds: float) -> dict:
        """wrk's exact figures. One thread, the same connections for all."""
        host, path = request(0)
        env = {**os.environ, "RACE_HOST": host, "RACE_PATH": path, "RACE_REQUESTS": ""}
        if contender.listed:
            env["RACE_REQUESTS"] = f"{self.scratch}/requests-{contender.routes}.txt"
        argv = [
            "taskset", "-c", self.options.load_core, self.programs["wrk"],
            "-t", "1", "-c", str(self.options.connections), "-d", f"{seconds:g}s", "--timeout", "10s",
            "--latency", "-s", f"{HERE}/load.lua", f"http://127.0.0.1:{self.ports['listen']}/",
        ]
        done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
        for line in done.stdout.splitlines():
            if line.startswith("RACE "):
                return json.loads(line.removeprefix("RACE "))
        raise Failed(f"wrk gave no figures for {contender.name}:\n{done.stdout}{done.stderr}")


class Run:
    """A contender that is up and answers. `bench/profile` uses it as `measure` does."""

    def __init__(self, track: Track, contender: Contender):
        self.track, self.contender = track, contender
        self.site = track.site(contender.name)
        self.launch: Launch = contender.launch(self.site)
        core = str(track.options.proxy_core)
        began = time.monotonic()
        self.process = Process(contender.name, self.launch.argv, core, self.site.path("output.log"))
        try:
            if self.launch.ready:
                wait_for(self.process, self.launch.ready, {}, track.options.patience)
            self.probe()
        except BaseException:
            self.end()
            raise
        self.ready_seconds = time.monotonic() - began

    def probe(self) -> None:
        """One request through the contender must bring the backend's body."""
        host, path = request(self.contender.routes - 1)
        url = f"http://127.0.0.1:{self.site.listen}{path}"
        wait_for(self.process, url, {"Host": host}, self.track.options.patience)
        status, body = get(url, {"Host": host})
        if (status, body.decode("latin-1")) != (200, BODY):
            raise Failed(f"{self.contender.name}: GET {path} of {host} gave {status} {body[:200]!r}, not the backend's body")

    def end(self) -> None:
        self.process.stop()

    def clean(self) -> None:
        """Access logs are large; nothing of a run is kept but its figures."""
        shutil.rmtree(self.site.dir)


def measure(track: Track, contender: Contender, round_number: int) -> dict:
    """Figures and faults of one run."""
    track.sink.reset()
    before_any = track.backend_counts()
    run = Run(track, contender)
    try:
        scraper = Scraper(run.launch.scrape) if run.launch.scrape else None
        if scraper:
            scraper.start()
        warm = track.wrk(contender, track.options.warmup)
        result, window = timed(track, contender, run.process)
        rss, peak = memory_kib(run.process.pid)
        scraped = scraper.stop() if scraper else {}
        counted = read_counter(run.launch)
        if not run.process.alive():
            raise Failed(f"{contender.name} died during the run:\n{run.process.tail()}")
    finally:
        run.end()
    behind = track.backend_counts()
    figures = {
        "contender": contender.name, "round": round_number, **window,
        "latency_us": {key: result[f"{key}_us"] for key in ("p50", "p99", "max")},
        "rss_kib": rss, "rss_peak_kib": peak, "ready_seconds": round(run.ready_seconds, 3),
        "errors": result["errors"], "warmup_requests": warm["requests"], "warmup_errors": warm["errors"],
        "backend_requests": behind["requests"] - before_any["requests"] - 1,
        "backend_connections": behind["accepts"] - before_any["accepts"] - 1,
    }
    if scraped or run.launch.log:
        figures["telemetry"] = {**scraped, **products(track, run.launch), "counter": counted}
    figures["faults"] = faults(figures, run.launch, track.options.connections)
    run.clean()
    return figures


def timed(track: Track, contender: Contender, process: Process) -> tuple[dict, dict]:
    """The timed window: wrk's figures and what the window cost."""
    core = track.options.proxy_core
    core_before, stolen_before = core_seconds(core)
    user_before, system_before = cpu_seconds(process.pid)
    began = time.monotonic()
    result = track.wrk(contender, track.options.seconds)
    wall = time.monotonic() - began
    user_after, system_after = cpu_seconds(process.pid)
    core_after, stolen_after = core_seconds(core)
    user, system = user_after - user_before, system_after - system_before
    requests = result["requests"]
    if requests == 0:
        raise Failed(f"{contender.name} answered no request; errors: {result['errors']}\n{process.tail()}")
    return result, {
        "requests": requests,
        "seconds": result["duration_us"] / 1e6,
        "requests_per_second": requests / (result["duration_us"] / 1e6),
        "cpu_seconds": {"user": round(user, 2), "system": round(system, 2)},
        "cpu_us_per_request": (user + system) * 1e6 / requests,
        "core_busy_by_contender": (user + system) / wall,
        "core_busy_by_others": max(0.0, core_after - core_before - user - system) / wall,
        "core_stolen": (stolen_after - stolen_before) / wall,
    }


def read_counter(launch: Launch) -> int | None:
    """The contender's own request counter, from a last scrape outside the window."""
    if not (launch.scrape and launch.counter):
        return None
    _, text = get(launch.scrape, {"Accept": "text/plain;version=0.0.4"}, timeout=60)
    return counter_sum(text.decode(), launch.counter)


def counter_sum(text: str, begins: str) -> int | None:
    """Sum over the samples of the text format 0.0.4 that begin so; None when there is none. A label's
    value may hold spaces, so the value is what follows the last brace, or the name."""
    samples = [line for line in text.splitlines() if line.startswith(begins)]
    values = [line.rpartition("}")[2].split()[0] if "}" in line else line.split()[1] for line in samples]
    return int(sum(map(float, values))) if values else None


def products(track: Track, launch: Launch) -> dict:
    """What the telemetry left behind once the contender ended: log lines and bytes, spans."""
    made: dict = {}
    if launch.log:
        with open(launch.log, "rb") as log:
            made["log_lines"] = sum(chunk.count(b"\n") for chunk in iter(lambda: log.read(1 << 20), b""))
        made["log_bytes"] = os.path.getsize(launch.log)
        with open(launch.log, "rb") as log:
            made["log_example"] = log.readline(4096).decode("utf-8", "replace").strip()
    if launch.traces:
        made.update(track.sink.totals())
    return made


def faults(figures: dict, launch: Launch, connections: int) -> list[str]:
    """Why the figures cannot be trusted. Requests in flight when wrk ends are seen by the proxy and
    the backend but not by wrk: at most `connections` at the end of each of the two loads, and the probes."""
    found = []
    for when in ("errors", "warmup_errors"):
        wrong = {kind: count for kind, count in figures[when].items() if count}
        if wrong:
            found.append(f"{when.replace('_', ' ')} seen by wrk: {wrong}")
    sent = figures["requests"] + figures["warmup_requests"]
    most = sent + 2 * connections + 8

    def within(name: str, seen: int | None) -> None:
        if seen is None or not sent <= seen <= most:
            found.append(f"{name}: {seen}, expected {sent} to {most}")

    within("requests at the backend", figures["backend_requests"])
    made = figures.get("telemetry", {})
    if launch.log:
        within("access-log lines", made["log_lines"])
    if launch.scrape:
        within("the contender's own request counter", made["counter"])
        if made["scrape_failures"] or made["scrapes"] < int(figures["seconds"]):
            found.append(f"{made['scrapes']} scrapes, failures: {made['scrape_failures'][:3]}")
    if launch.traces:
        share = made["spans"]["server"] / sent
        # Six standard deviations of a 1 % draw, and half a percent of the ratio for rounding.
        slack = 6 * (0.01 * 0.99 / sent) ** 0.5 + 0.0005
        if made["refused"] or abs(share - 0.01) > slack:
            found.append(f"SERVER spans are {100 * share:.3f} % of the requests, not 1 %; refused exports: {made['refused'][:3]}")
    return found
