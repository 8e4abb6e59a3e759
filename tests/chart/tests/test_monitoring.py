"""Monitors, rules, dashboards, policies: each selects what is there and says what the sources of truth say."""

import json
import unittest

from . import kit

STACK = "kube-prometheus-stack"
PLANES = ("controlplane", "dataplane")


class Monitors(unittest.TestCase):
    def test_a_service_monitor_selects_one_service_and_one_of_its_ports(self):
        made = kit.objects(STACK)
        for plane in PLANES:
            monitor = kit.find(made, "ServiceMonitor", f"clearway-{plane}")
            self.assertEqual(monitor["metadata"]["labels"]["release"], "promstack")
            wanted = monitor["spec"]["selector"]["matchLabels"].items()
            services = [it for it in made if it["kind"] == "Service" and wanted <= it["metadata"]["labels"].items()]
            self.assertEqual([it["metadata"]["name"] for it in services], [f"clearway-{plane}-metrics"])
            (endpoint,) = monitor["spec"]["endpoints"]
            self.assertIn(endpoint["port"], [port["name"] for port in services[0]["spec"]["ports"]])
            self.assertEqual(
                {key: endpoint[key] for key in ("path", "interval", "scrapeTimeout", "honorLabels")},
                {"path": "/metrics", "interval": "30s", "scrapeTimeout": "10s", "honorLabels": True},
            )
            self.assertEqual(monitor["spec"]["namespaceSelector"], {"matchNames": ["clearway"]})

    def test_a_pod_monitor_selects_the_pods_of_a_plane_and_one_of_their_ports(self):
        made = kit.objects("default", "--set", "podMonitor.enabled=true,podMonitor.labels.release=x")
        for plane in PLANES:
            monitor = kit.find(made, "PodMonitor", f"clearway-{plane}")
            pod = kit.find(made, "Deployment", f"clearway-{plane}")["spec"]["template"]
            self.assertLessEqual(monitor["spec"]["selector"]["matchLabels"].items(), pod["metadata"]["labels"].items())
            (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
            self.assertIn(endpoint["port"], [port["name"] for port in pod["spec"]["containers"][0]["ports"]])

    def test_they_scrape_as_the_monitors_of_the_root_do(self):
        for kind, option in (("ServiceMonitor", "serviceMonitor.enabled=true"), ("PodMonitor", "podMonitor.enabled=true")):
            made = kit.objects("default", "--set", option)
            root = kit.documents((kit.ROOT / f"servicemonitor/{kind.lower()}s.yaml").read_text())
            self.assertEqual(len(root), len(PLANES))
            for theirs in root:
                ours = kit.find(made, kind, theirs["metadata"]["name"])["spec"]
                for key in ("jobLabel", "endpoints", "podMetricsEndpoints"):
                    self.assertEqual(ours.get(key), theirs["spec"].get(key), f"{kind} {key}")
                wanted = theirs["spec"]["selector"]["matchLabels"].items()
                self.assertLessEqual(wanted, ours["selector"]["matchLabels"].items(), kind)

    def test_the_data_plane_may_have_a_monitor_alone(self):
        made = kit.objects(
            "default", "--set", "dataplane.serviceMonitor.enabled=true,dataplane.serviceMonitor.labels.release=promstack"
        )
        monitor = kit.find(made, "ServiceMonitor")
        self.assertEqual(monitor["metadata"]["name"], "clearway-dataplane")
        self.assertEqual(monitor["metadata"]["labels"]["release"], "promstack")

    def test_prometheus_elsewhere_gets_the_rights_to_find_targets(self):
        made = kit.objects("default", "--set", "prometheusRbac.create=true")
        rules = kit.find(made, "Role", "clearway-prometheus")["rules"]
        self.assertEqual(
            rules, [{"apiGroups": [""], "resources": ["pods", "endpoints", "services"], "verbs": ["get", "list", "watch"]}]
        )
        (subject,) = kit.find(made, "RoleBinding", "clearway-prometheus")["subjects"]
        self.assertEqual(subject, {"kind": "ServiceAccount", "name": "prometheus-k8s", "namespace": "monitoring"})


class Rules(unittest.TestCase):
    EVERYTHING = ("--set", "prometheusRule.enabled=true,prometheusRule.ingressNginx=true")

    def rules(self, *options):
        return kit.find(kit.objects("default", *self.EVERYTHING, *options), "PrometheusRule")

    def test_with_the_defaults_they_are_those_of_prometheus_rules(self):
        files = [kit.ROOT / f"prometheus-rules/{name}.yaml" for name in ("clearway", "clearway-slo", "clearway-ingress-nginx")]
        expected = [group for text in files for group in kit.documents(text.read_text())[0]["groups"]]
        self.assertEqual(self.rules()["spec"]["groups"], expected)

    def test_thresholds_links_and_labels_come_from_the_values(self):
        made = self.rules(
            "--set", "prometheusRule.thresholds.cpuWarning=0.5,prometheusRule.thresholds.cpuWarningFor=30s",
            "--set", "prometheusRule.thresholds.certificateExpiryWarning=2592000",
            "--set", "prometheusRule.runbookBaseUrl=https://wiki.example.org/clearway/",
            "--set", "prometheusRule.dashboardBaseUrl=https://grafana.example.org",
            "--set", "prometheusRule.alertLabels.team=edge",
        )
        alerts = [rule for group in made["spec"]["groups"] for rule in group["rules"] if "alert" in rule]
        cpu = [alert for alert in alerts if alert["alert"] == "ClearwayCpuHigh" and alert["labels"]["severity"] == "warning"]
        self.assertEqual((len(cpu), cpu[0]["for"]), (1, "30s"))
        self.assertIn("> 0.5", cpu[0]["expr"])
        self.assertTrue(any("2592000" in alert["expr"] for alert in alerts))
        self.assertNotIn("@@", json.dumps(made))
        for alert in alerts:
            self.assertEqual(alert["labels"]["team"], "edge")
            self.assertEqual(alert["annotations"]["runbook_url"], f"https://wiki.example.org/clearway/{alert['alert']}.md")
            self.assertTrue(alert["annotations"]["dashboard_url"].startswith("https://grafana.example.org/d/clearway-"))

    def test_an_alert_can_be_left_out(self):
        names = lambda made: {rule.get("alert") for group in made["spec"]["groups"] for rule in group["rules"]}
        left = names(self.rules("--set", "prometheusRule.alerts.ClearwayCpuHigh=false"))
        self.assertEqual(names(self.rules()) - left, {"ClearwayCpuHigh"})


class Dashboards(unittest.TestCase):
    def test_each_is_a_config_map_that_the_sidecar_finds(self):
        made = {it["metadata"]["name"]: it for it in kit.objects(STACK) if "dashboard" in it["metadata"]["name"]}
        sources = {file.name: file for file in (kit.ROOT / "grafana/dashboards").glob("*.json")}
        self.assertEqual(len(made), len(sources))
        for name, it in made.items():
            self.assertEqual(it["metadata"]["labels"]["grafana_dashboard"], "1", name)
            self.assertEqual(it["metadata"]["annotations"]["grafana_folder"], "Clearway", name)
            self.assertEqual(it["metadata"]["namespace"], "monitoring", name)
            ((file, text),) = it["data"].items()
            self.assertEqual(json.loads(text), json.loads(sources[file].read_text()), name)


class Policies(unittest.TestCase):
    def allowed(self, plane, *options):
        """Peers by port."""
        policy = kit.find(kit.objects("default", *options), "NetworkPolicy", f"clearway-{plane}")
        return {port["port"]: rule.get("from") for rule in policy["spec"]["ingress"] for port in rule["ports"]}

    def test_nobody_else_scrapes_until_a_namespace_is_named(self):
        own = {"podSelector": {"matchLabels": {"app.kubernetes.io/instance": "clearway"}}}
        self.assertEqual(self.allowed("controlplane"), {"grpc": [own], "metrics": [own], "admin": [own]})
        self.assertEqual(self.allowed("dataplane"), {"http": None, "https": None, 20000: None, "admin": [own]})
        option = ("--set", "networkPolicy.monitoringNamespaces={monitoring}")
        named = {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["monitoring"]}]}
        self.assertEqual(self.allowed("dataplane", *option)["admin"], [own, {"namespaceSelector": named}])
        controlplane = self.allowed("controlplane", *option)
        self.assertEqual(controlplane["metrics"], [own, {"namespaceSelector": named}])
        # Who may scrape may neither ask the admin port nor the port that carries keys.
        self.assertEqual((controlplane["admin"], controlplane["grpc"]), ([own], [own]))


if __name__ == "__main__":
    unittest.main()
