"""The chart's Collector in a cluster: found by label, told apart by Gateway, rights that suffice, and nothing lost.

Called by `cluster`, in the cluster's network namespace. What always holds: every wait is for a state and has an end; records are counted by
the ids that the gateway gave them, at both ends.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

from telemetry import Failed, Sink, get, lines, newest, points, server_spans, spans, until

HERE = Path(__file__).resolve().parent
CHART = HERE.parent.parent / "charts" / "clearway"
RELEASE = "nantian-gw"
NODE = "10.244.0.1"
REQUESTS = 200
SIGNALS = ("traces", "metrics", "logs")
VALUES = """
image: {{repository: {image}, tag: "{tag}", pullPolicy: Never}}
dataplane: {{replicas: 2, drain: {{delaySeconds: 0}}}}
observability: {{traces: {{sampleRatio: 1}}}}
otelCollector:
  enabled: true
  image: {{repository: localhost/otelcol, tag: "1", pullPolicy: Never}}
  scrape: {{interval: 5s, timeout: 3s}}
  accessLogs: {{enabled: true, hostPath: "{work}/pods", storagePath: "{work}/otel-agent"}}
  persistence: {{enabled: true, size: 1Gi, storageClassName: "-"}}
  exporters:
    otlp: {{enabled: true, endpoint: "{node}:14317", tls: {{insecure: true}}}}
"""
# A real PersistentVolume: a folder of the node, which belongs to the Collector's user as a provisioner would make it.
VOLUME = """
apiVersion: v1
kind: PersistentVolume
metadata: {{name: otel-collector}}
spec:
  capacity: {{storage: 1Gi}}
  accessModes: [ReadWriteOnce]
  claimRef: {{namespace: {release}, name: {release}-otel-collector}}
  hostPath: {{path: "{work}/otel-queue"}}
"""


def run(*command, text=None):
    done = subprocess.run([str(word) for word in command], input=text, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise Failed(f"{' '.join(map(str, command))}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def kubectl(*command, text=None):
    return run(os.environ["KUBECTL"], *command, text=text)


def pods(component):
    selector = f"app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component={component}"
    items = json.loads(kubectl("-n", RELEASE, "get", "pods", "-l", selector, "-o", "json"))["items"]
    return [pod for pod in items if "deletionTimestamp" not in pod["metadata"]]


def samples(pod, port, name, **labels):
    """The sum of a metric of a pod."""
    total = 0.0
    for line in get(f"http://{pod['status']['podIP']}:{port}/metrics", Accept="text/plain").splitlines():
        if line.startswith(name + "{") or line.startswith(name + " "):
            if all(f'{label}="{value}"' in line for label, value in labels.items()):
                total += float(line.rsplit(" ", 1)[1])
    return total


def process_of(pod):
    """The pod's program, by the name that only its environment has."""
    wanted = f"POD_NAME={pod['metadata']['name']}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    if len(found) != 1:
        raise Failed(f"{len(found)} processes are of pod {pod['metadata']['name']}")
    return found[0]


class Test:
    """One run: what was sent, and what holds."""

    def __init__(self, given):
        self.given, self.folder, self.sent = given, Path(given.folder), 0

    def install(self):
        given, work = self.given, Path(self.given.work)
        (work / "otel-queue").mkdir()
        os.chown(work / "otel-queue", 65532, 65532)
        repository, tag = given.image.rsplit(":", 1)
        values = self.folder / "values.yaml"
        values.write_text(VALUES.format(image=repository, tag=tag, work=work, node=NODE), encoding="utf-8")
        kubectl("apply", "-f", "-", text=VOLUME.format(release=RELEASE, work=work))
        run(
            os.environ["HELM"], "install", RELEASE, CHART, "--namespace", RELEASE, "--create-namespace", "--values", values,
            "--wait", "--timeout", "180s",
        )
        kubectl("apply", "-f", HERE / "objects.yaml")
        for name in ("blue", "green"):
            kubectl("-n", "shop", "wait", "--for=condition=Programmed", f"gateway/{name}", "--timeout=60s")
        kubectl("-n", "shop", "wait", "--for=condition=Ready", "pod/echo", "pod/quiet", "--timeout=60s")
        self.addresses = {
            name: kubectl("-n", "shop", "get", "gateway", name, "-o", "jsonpath={.status.addresses[0].value}") for name in ("blue", "green")
        }

    def requests(self, blue, green):
        for name, count in (("blue", blue), ("green", green)):
            client = HTTPConnection(self.addresses[name], 80, timeout=20)
            for number in range(count):
                client.request("GET", f"/{name}/{number}")
                answer = client.getresponse()
                answer.read()
                if answer.status != 200:
                    raise Failed(f"/{name}/{number} is answered {answer.status}")
            client.close()
            self.sent += count

    def served(self):
        """A first answer from each Gateway: from then on every request counts."""
        def answers(name):
            client = HTTPConnection(self.addresses[name], 80, timeout=5)
            client.request("GET", "/first")
            answer = client.getresponse()
            answer.read()
            return answer.status == 200
        for name in ("blue", "green"):
            until(30, f"an answer of Gateway {name}", lambda: answers(name))
        self.before = {
            name: sum(samples(pod, 19080, "clearway_requests_total", gateway_name=name) for pod in pods("dataplane")) for name in ("blue", "green")
        }

    def counted(self):
        """Requests as the data planes count them: all that were sent."""
        total = sum(samples(pod, 19080, "clearway_requests_total") for pod in pods("dataplane"))
        if total - sum(self.before.values()) != self.sent:
            raise Failed(f"{self.sent} requests were sent, {total - sum(self.before.values())} are counted")
        return int(total)

    def check_series(self, sink):
        """Both Gateways, each with its own number, by pod; both planes up; nobody else's pods."""
        counted = self.counted()
        series = "clearway_requests_total"
        by_gateway = lambda: {
            name: sum(point["value"] for point in newest(sink.metrics, series) if point["labels"].get("gateway_name") == name)
            for name in ("blue", "green")
        }
        until(60, f"{counted} requests in the metrics that arrived", lambda: sum(by_gateway().values()) == counted)
        found = {name: value - self.before[name] for name, value in by_gateway().items()}
        if found != {"blue": REQUESTS, "green": REQUESTS / 2}:
            raise Failed(f"the Gateways are not told apart: {found}")
        self.check_targets(sink)
        labels = newest(sink.metrics, series)[0]["labels"]
        for name, value in {"namespace": RELEASE, "node": "node-1", "gateway_networking_k8s_io_gateway_name": RELEASE}.items():
            if labels.get(name) != value:
                raise Failed(f"label {name} is {labels.get(name)}, not {value}: {labels}")
        if any(name.startswith("exported_") for name in labels):
            raise Failed(f"a label of the metric was renamed: {labels}")
        return found

    def targets(self, sink):
        """Pods that were ever scraped by the jobs of gateways and control planes, with their last `up`."""
        return {
            point["labels"].get("pod"): point["value"] for point in sorted(points(sink.metrics, "up"), key=lambda point: point["at"])
            if point["resource"]["service.name"] in ("clearway-gateways", "clearway-controlplane")
        }

    def check_targets(self, sink):
        """Each pod of both planes is scraped and up, and nobody else's pod."""
        planes = {pod["metadata"]["name"] for component in ("dataplane", "controlplane") for pod in pods(component)}
        until(30, "scrapes of both planes", lambda: planes <= {pod for pod, up in self.targets(sink).items() if up == 1})
        found = self.targets(sink)
        if set(found) != planes:
            raise Failed(f"scraped are {found}, not {sorted(planes)}: pods without label or annotation must not be")

    def check_names(self, sink):
        """k8s_attributes: each span's resource names the pod that made it."""
        names = {about.get("k8s.pod.name") for about, span in spans(sink.traces) if span.get("kind") == 2}
        # Which of the pods has served is the Service's choice.
        if not names or not names <= {pod["metadata"]["name"] for pod in pods("dataplane")}:
            raise Failed(f"spans come from pods {names}")
        about = next(about for about, span in spans(sink.traces) if span.get("kind") == 2)
        if about.get("k8s.deployment.name") != f"{RELEASE}-dataplane" or about.get("k8s.namespace.name") != RELEASE:
            raise Failed(f"the resource of a span: {about}")

    def complete(self, sink):
        """Spans and lines that have arrived, each at least once, are those of all requests."""
        wanted = self.counted()
        found = server_spans(sink.traces), lines(sink.logs)
        return set(found[0]) == set(found[1]) and len(found[0]) == wanted and found

    def stall(self, sink):
        """The backend stands still, requests go on, the Collector is restarted, then killed, and comes back on its volume."""
        os.kill(sink.process.pid, signal.SIGSTOP)
        began = time.time()
        self.requests(REQUESTS, REQUESTS)
        collector, = pods("otel-collector")
        exported = lambda: all(
            samples(pod, 19080, "clearway_telemetry_queued_records", signal="spans") == 0 for pod in pods("dataplane"))
        until(60, "data planes that have handed over their spans", exported)
        queued = lambda signal: samples(collector, 8888, "otelcol_exporter_queue_size", exporter="otlp_grpc", data_type=signal) > 0
        for kind in SIGNALS:
            until(60, f"{kind} in the Collector's queue", lambda: queued(kind))
        # Agents have handed over too: else the kill would spare the lines.
        agent, = pods("otel-agent")
        until(60, "agents with nothing left", lambda: samples(agent, 8888, "otelcol_exporter_queue_size") == 0 and samples(
            agent, 8888, "otelcol_exporter_sent_log_records_total") >= self.counted())
        # First in good order, as an upgrade ends it.
        kubectl("-n", RELEASE, "rollout", "restart", f"deployment/{RELEASE}-otel-collector")
        collector = self.another(collector)
        self.linger()
        held = {kind: int(samples(collector, 8888, "otelcol_exporter_queue_size", exporter="otlp_grpc", data_type=kind)) for kind in SIGNALS}
        memory = samples(collector, 8888, "otelcol_process_memory_rss_bytes") / 1e6
        # No farewell: SIGKILL, then another pod in its place.
        os.kill(process_of(collector), signal.SIGKILL)
        killed = time.time()
        kubectl("-n", RELEASE, "delete", "pod", collector["metadata"]["name"], "--force", "--grace-period=0")
        self.another(collector)
        self.requests(REQUESTS // 2, REQUESTS // 2)
        os.kill(sink.process.pid, signal.SIGCONT)
        return began, killed, f"{held} bytes in its queues, {memory:.0f} MB of memory"

    def another(self, old):
        """The pod that has come in the place of this one, when it is ready."""
        def ready():
            found = [pod for pod in pods("otel-collector") if pod["metadata"]["uid"] != old["metadata"]["uid"]]
            conditions = {one["type"]: one["status"] for pod in found for one in pod["status"].get("conditions", [])}
            return found[0] if len(found) == 1 and conditions.get("Ready") == "True" else None
        return until(150, "another pod of the Collector", ready)

    def linger(self):
        """The stall lasts: a request of each Gateway now and then, and some scrapes."""
        began = time.time()
        while time.time() - began < self.given.stall:
            self.requests(1, 1)
            time.sleep(0.5)

    def check_complete(self, sink, began, killed):
        """Everything of before, of the stall and of after is there."""
        spans_, lines_ = until(120, "every span and every line", lambda: self.complete(sink))
        more = sum(spans_.values()) - len(spans_), sum(lines_.values()) - len(lines_)
        ends = {}
        for point in points(sink.metrics, "up"):
            if point["resource"]["service.name"] == "clearway-gateways" and began < point["at"] < killed:
                ends.setdefault(point["labels"]["pod"], set()).add(point["at"])
        scrapes = [len(times) for times in ends.values()]
        # One every 5 s while it lingered: the first is at any moment of an interval, the last may have been under way.
        least = int(self.given.stall / 5) - 1
        if len(scrapes) != 2 or min(scrapes) < least:
            raise Failed(f"{scrapes} scrapes of the data planes arrived from the {killed - began:.0f} s of the stall, not {least} of each")
        return len(spans_), len(lines_), more, scrapes

    def check_rights(self):
        """Nobody was refused anything, and nobody complained of the config."""
        for component in ("otel-collector", "otel-agent"):
            pod, = pods(component)
            log = kubectl("-n", RELEASE, "logs", pod["metadata"]["name"])
            found = re.findall(r".*(?:forbidden|deprecat|cannot list).*", log, re.IGNORECASE)
            if found:
                raise Failed(f"{component} says: {found[0]}")
        may = lambda what: run(
            "sh", "-c", f"{os.environ['KUBECTL']} auth can-i {what} --as=system:serviceaccount:{RELEASE}:{RELEASE}-otel-collector -A || true").strip()
        if (may("list pods"), may("watch nodes"), may("list secrets"), may("list namespaces")) != ("yes", "yes", "no", "no"):
            raise Failed("the Collector's account may not what it should, or more")

    def all(self):
        sink = Sink(os.environ["OTELCOL"], self.folder, NODE, 14317)
        try:
            self.install()
            self.served()
            self.requests(REQUESTS, REQUESTS // 2)
            gateways = self.check_series(sink)
            until(60, "every span and every line", lambda: self.complete(sink))
            self.check_names(sink)
            self.check_rights()
            began, killed, held = self.stall(sink)
            self.check_targets(sink)
            arrived, logged, more, scrapes = self.check_complete(sink, began, killed)
            self.check_rights()
        finally:
            os.kill(sink.process.pid, signal.SIGCONT)
            sink.kill()
        print(
            f"tests/otel-collector/cluster: {arrived} requests = spans = {logged} lines of the access log, by Gateway before the stall {gateways};"
            f" {killed - began:.0f} s stalled, the Collector restarted, then killed with {held}, {more[0]} spans and {more[1]} lines came twice, scrapes meanwhile {scrapes}")


def main():
    parser = argparse.ArgumentParser(description="Called by tests/otel-collector/cluster.")
    for name in ("folder", "work", "image"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--stall", type=float, default=12, help="seconds")
    try:
        Test(parser.parse_args()).all()
    except Failed as failure:
        print(f"tests/otel-collector/cluster: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
