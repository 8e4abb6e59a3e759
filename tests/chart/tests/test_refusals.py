"""What cannot work is refused, by both Helms, with a sentence that names the value."""

import json
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor

from . import kit

# What is given, as `path=JSON`, and what must be said of it.
CASES = [
    ("replica=3", "replica"),
    ("image.repo=\"x\"", "repo"),
    ("image.repository=\"\"", "/image/repository"),
    ("image.tag=1.2", "/image/tag"),
    ("image.digest=\"sha256:abc\"", "/image/digest"),
    ("image.pullPolicy=\"Sometimes\"", "/image/pullPolicy"),
    ("imagePullSecrets=\"registry\"", "/imagePullSecrets"),
    ("commonLabels={\"team\": 7}", "/commonLabels/team"),
    ("gatewayClass.create=\"yes\"", "/gatewayClass/create"),
    ("gatewayClass.name=\"edge\"", "name"),
    ("watchNamespaces=\"a,b\"", "/watchNamespaces"),
    ("watchNamespaces=[\"a\", \"a\"]", "/watchNamespaces"),
    ("log.format=\"xml\"", "/log/format"),
    ("log.level=\"\"", "/log/level"),
    ("xds.certificates=\"cert-manager\"", "/xds/certificates"),
    ("xds.certificates=\"provided\"", "give xds.serverSecret and xds.clientSecret"),
    ("xds.clientSecret=\"mine\"", "only with xds.certificates: provided"),
    ("xds.clientSecret=\"Not A Name\"", "/xds/clientSecret"),
    ("trust.forwarded=\"believe\"", "/trust/forwarded"),
    ("trust.trace=\"keep\"", "/trust/trace"),
    ("observability.metrics.per_consumer=true", "per_consumer"),
    ("observability.metrics.tcp_metrics=\"on\"", "/observability/metrics/tcp_metrics"),
    ("observability.accessLog.output=\"/var/log/x\"", "/observability/accessLog/output"),
    ("observability.accessLog.buffer=\"16MB\"", "/observability/accessLog/buffer"),
    ("observability.accessLog.query=\"all\"", "/observability/accessLog/query"),
    ("observability.traces.sampleRatio=10", "/observability/traces/sampleRatio"),
    ("observability.traces.sampleRatio=\"1.5\"", "/observability/traces/sampleRatio"),
    ("observability.traces.sampleRatio=-0.1", "/observability/traces/sampleRatio"),
    ("observability.traces.b3=true", "/observability/traces/b3"),
    ("observability.otlp.tracesEndpoint=\"collector:4317\"", "/observability/otlp/tracesEndpoint"),
    ("observability.otlp.tracesProtocol=\"http/json\"", "/observability/otlp/tracesProtocol"),
    ("observability.otlp.queue=0", "/observability/otlp/queue"),
    ("observability.otlp.timeout=\"10\"", "/observability/otlp/timeout"),
    ("observability.otlp.headers={\"a\": \"b,c\"}", "observability.otlp.headers.a has a comma"),
    ("observability.otlp={\"headers\": {\"a\": \"b\"}, \"headersSecret\": {\"name\": \"x\"}}", "headers and headersSecret"),
    ("controlplane.replicas=0", "/controlplane/replicas"),
    ("controlplane.replicas=\"2\"", "/controlplane/replicas"),
    ("controlplane.syncTimeout=\"soon\"", "/controlplane/syncTimeout"),
    ("controlplane.settings={\"--debounce\": \"20ms\"}", "--debounce"),
    ("controlplane.resources={\"request\": {}}", "request"),
    ("controlplane.resources={\"limits\": {\"memory\": \"1 GB\"}}", "/controlplane/resources/limits/memory"),
    ("controlplane.startupProbe.failureThreshold=0", "/controlplane/startupProbe/failureThreshold"),
    ("dataplane.workers=-1", "/dataplane/workers"),
    ("dataplane.drain.delaySeconds=\"10s\"", "/dataplane/drain/delaySeconds"),
    ("dataplane.drain.timeoutSeconds=60", "Give at least 75"),
    ("dataplane.terminationGracePeriodSeconds=44", "terminationGracePeriodSeconds is 44"),
    ("dataplane.gatewayNameLabel=\"a b\"", "/dataplane/gatewayNameLabel"),
    ("dataplane.lastGood.sizeLimit=\"big\"", "/dataplane/lastGood/sizeLimit"),
    ("dataplane.settings={\"max-connections\": [1]}", "/dataplane/settings/max-connections"),
    ("dataplane.podDisruptionBudget.maxUnavailable=\"half\"", "/dataplane/podDisruptionBudget/maxUnavailable"),
    ("dataplane.autoscaling={\"minReplicas\": 5, \"maxReplicas\": 4}", "minReplicas is more than maxReplicas"),
    ("dataplane.autoscaling.targetCPUUtilizationPercentage=0", "targetCPUUtilizationPercentage"),
    ("networkPolicy.monitoringNamespaces=\"monitoring\"", "/networkPolicy/monitoringNamespaces"),
    ("networkPolicy.trafficFrom=[\"10.0.0.0/8\"]", "/networkPolicy/trafficFrom/0"),
    ("serviceMonitor.scrapeTimeout=\"31s\"", "serviceMonitor.scrapeTimeout (31s) is longer than serviceMonitor.interval (30s)"),
    ("serviceMonitor.interval=30", "/serviceMonitor/interval"),
    ("serviceMonitor.interval=\"5 s\"", "/serviceMonitor/interval"),
    ("serviceMonitor={\"enabled\": true, \"interval\": \"1m\", \"scrapeTimeout\": \"61000ms\"}", "is longer than"),
    ("podMonitor.scrapeTimeout=\"1m\"", "podMonitor.scrapeTimeout (1m) is longer than"),
    ("prometheusRbac.serviceAccount=\"Prometheus K8s\"", "/prometheusRbac/serviceAccount"),
    ("prometheusRule.alerts={\"ClearwayCpuHi\": false}", "ClearwayCpuHi"),
    ("prometheusRule.thresholds={\"cpuWarn\": 0.5}", "cpuWarn"),
    ("prometheusRule.thresholds={\"cpuWarning\": \"80%\"}", "/prometheusRule/thresholds/cpuWarning"),
    ("prometheusRule.thresholds={\"cpuWarningFor\": 30}", "/prometheusRule/thresholds/cpuWarningFor"),
    ("dashboards.labelValue=1", "/dashboards/labelValue"),
]
BOTH = {"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}}


def nested(path, value):
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


def refuse(which, values, release="clearway"):
    """What a Helm says of these values; empty when it takes them."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(values, file)
        file.flush()
        code, _, said = kit.helm(which, "template", release, kit.CHART, "-f", file.name)
    return said if code else ""


class Refusals(unittest.TestCase):
    def test_each_is_refused_with_a_sentence_that_names_it(self):
        cases = [(case, nested(case.split("=", 1)[0], json.loads(case.split("=", 1)[1])), words) for case, words in CASES]
        cases.append(("both monitors", BOTH, "podMonitor and serviceMonitor are both enabled"))
        self.assertGreaterEqual(len(cases), 40)
        jobs = [(which, *case) for which in kit.HELMS for case in cases]
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda job: refuse(job[0], job[2]), jobs))
        for (which, name, _, words), said in zip(jobs, answers):
            with self.subTest(helm=which, case=name):
                self.assertIn(words, said)

    def test_a_release_whose_name_cannot_begin_names_is_refused(self):
        for which in kit.HELMS:
            self.assertIn("cannot be the beginning of names", refuse(which, {}, "a" * 41))

    def test_a_cluster_without_what_is_asked_for_is_refused(self):
        asked = ("--set", "serviceMonitor.enabled=true")
        cluster = ("--api-versions", "apiregistration.k8s.io/v1/APIService")
        gateway_api = ("--api-versions", "gateway.networking.k8s.io/v1/GatewayClass")
        monitors = ("--api-versions", "monitoring.coreos.com/v1/ServiceMonitor")
        for which in kit.HELMS:
            with self.subTest(helm=which):
                said = lambda *options: kit.helm(which, "template", "x", kit.CHART, *options)[2]
                self.assertIn("The cluster has no Gateway API", said(*cluster))
                self.assertEqual(said(*cluster, *gateway_api), "")
                self.assertIn("the cluster has no monitoring.coreos.com/v1 ServiceMonitor", said(*cluster, *gateway_api, *asked))
                self.assertEqual(said(*cluster, *gateway_api, *monitors, *asked), "")
                self.assertEqual(said(*asked), "")


if __name__ == "__main__":
    unittest.main()
