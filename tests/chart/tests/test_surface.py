"""Names, ports, selectors and what pods may do: what operators type and what a cluster is asked to allow."""

import unittest

from . import kit

SERVICES = {
    "nantian-gw-controlplane-grpc": 18080,
    "nantian-gw-controlplane-admin": 18081,
    "nantian-gw-controlplane-metrics": 18082,
    "nantian-gw-dataplane-admin": 19080,
    "nantian-gw-dataplane-metrics": 19080,
}
PLANES = ("controlplane", "dataplane")


def pod_of(made, plane, release="clearway"):
    return kit.find(made, "Deployment", f"{release}-{plane}")["spec"]["template"]


def manifests(*options):
    """What tests/cluster/deploy installs."""
    script = kit.ROOT / "tests/cluster/manifests/render"
    return kit.documents(kit.subprocess.run([script, *options], capture_output=True, text=True, check=True, timeout=60).stdout)


class Surface(unittest.TestCase):
    def test_names_and_ports_of_the_release_nantian_gw(self):
        made = kit.objects("nantian-gw")
        services = {it["metadata"]["name"]: it["spec"]["ports"] for it in made if it["kind"] == "Service"}
        self.assertEqual({name: ports[0]["port"] for name, ports in services.items()}, SERVICES)
        deployments = {it["metadata"]["name"] for it in made if it["kind"] == "Deployment"}
        self.assertEqual(deployments, {"nantian-gw-controlplane", "nantian-gw-dataplane"})
        gateway_class = kit.find(made, "GatewayClass")
        self.assertEqual(gateway_class["metadata"]["name"], "nantian-gw")
        self.assertEqual(gateway_class["spec"]["controllerName"], "gateway.networking.k8s.io/nantian-gw")
        self.assertTrue(all(it["metadata"].get("namespace") in (None, "nantian-gw") for it in made))

    def test_every_service_selects_pods_that_have_its_port(self):
        made = kit.objects()
        pods = [it["spec"]["template"] for it in made if it["kind"] == "Deployment"]
        for service in (it for it in made if it["kind"] == "Service"):
            selector, target = service["spec"]["selector"], service["spec"]["ports"][0]["targetPort"]
            chosen = [pod for pod in pods if selector.items() <= pod["metadata"]["labels"].items()]
            self.assertEqual(len(chosen), 1, service["metadata"]["name"])
            ports = {port["name"]: port["containerPort"] for port in chosen[0]["spec"]["containers"][0]["ports"]}
            self.assertEqual(ports[target], service["spec"]["ports"][0]["port"], service["metadata"]["name"])

    def test_the_control_plane_finds_its_fleet_by_the_labels_that_it_looks_for(self):
        labels = pod_of(kit.objects(), "dataplane")["metadata"]["labels"]
        wanted = {"app.kubernetes.io/instance": "clearway", "app.kubernetes.io/component": "dataplane"}
        self.assertLessEqual(wanted.items(), labels.items())

    def test_collectors_find_pods_by_label_and_annotation(self):
        for plane, port in (("controlplane", "18082"), ("dataplane", "19080")):
            annotations = pod_of(kit.objects(), plane)["metadata"]["annotations"]
            self.assertEqual(annotations["prometheus.io/scrape"], "true")
            self.assertEqual((annotations["prometheus.io/port"], annotations["prometheus.io/path"]), (port, "/metrics"))
        name = "gateway.networking.k8s.io/gateway-name"
        self.assertEqual(pod_of(kit.objects(), "dataplane")["metadata"]["labels"][name], "clearway")
        self.assertNotIn(name, pod_of(kit.objects(), "controlplane")["metadata"]["labels"])

    def test_pods_leave_and_come_without_a_gap(self):
        for plane in PLANES:
            spec = kit.find(kit.objects(), "Deployment", f"clearway-{plane}")["spec"]
            self.assertEqual(spec["strategy"]["rollingUpdate"], {"maxUnavailable": 0, "maxSurge": 1})
            container = spec["template"]["spec"]["containers"][0]
            for probe, path in (("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
                self.assertEqual(container[probe]["httpGet"], {"path": path, "port": "admin"})
        self.assertEqual(pod_of(kit.objects(), "dataplane")["spec"]["terminationGracePeriodSeconds"], 60)

    def test_the_chart_has_all_that_the_manifests_of_the_tests_have(self):
        today = manifests("--otlp-endpoint", "http://10.244.0.1:4317")
        ours = kit.objects("default", "--set", "observability.otlp.tracesEndpoint=http://10.244.0.1:4317")
        for plane in PLANES:
            theirs, mine = (pod_of(made, plane)["spec"]["containers"][0] for made in (today, ours))
            flags = [{flag.split("=")[0] for flag in container["args"]} for container in (theirs, mine)]
            self.assertLessEqual(flags[0], flags[1], plane)
            for key, name in (("env", "name"), ("ports", "name"), ("volumeMounts", "mountPath")):
                there, here = ({it[name]: it for it in container[key]} for container in (theirs, mine))
                self.assertLessEqual(there.items(), here.items(), f"{plane} {key}")
            for key in ("startupProbe", "livenessProbe", "readinessProbe", "securityContext"):
                self.assertEqual(theirs[key], mine[key], f"{plane} {key}")
            for key in ("securityContext", "terminationGracePeriodSeconds", "serviceAccountName"):
                self.assertEqual(pod_of(today, plane)["spec"][key], pod_of(ours, plane)["spec"][key], f"{plane} {key}")

    def test_rights_are_those_that_the_tests_deploy(self):
        today = manifests()
        for kind in ("ClusterRole", "Role"):
            name = "clearway-controlplane"
            self.assertEqual(kit.find(kit.objects(), kind, name)["rules"], kit.find(today, kind, name)["rules"], kind)

    def test_the_default_asks_for_no_kinds_of_the_prometheus_operator(self):
        self.assertEqual([it for it in kit.objects() if "monitoring.coreos.com" in it["apiVersion"]], [])
        foreign = {it["apiVersion"] for it in kit.objects() if "." in it["apiVersion"].split("/")[0]}
        self.assertEqual({api for api in foreign if not api.endswith(".k8s.io/v1")}, set())


class Security(unittest.TestCase):
    def test_every_container_of_every_preset_is_locked_down(self):
        for preset in kit.PRESETS:
            for name, spec in pods(kit.objects(preset)):
                context = spec["securityContext"]
                self.assertEqual(context["seccompProfile"], {"type": "RuntimeDefault"}, name)
                # Files of containers belong to root: who reads them does too.
                self.assertEqual(context.get("runAsNonRoot", False), not name.endswith("-otel-agent"), name)
                for container in spec["containers"] + spec.get("initContainers", []):
                    expected = {"readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
                    self.assertLessEqual(expected.items(), container["securityContext"].items(), f"{preset} {name}")
                    self.assertIn("requests", container["resources"], f"{preset} {name}")
                    self.assertIn("memory", container["resources"]["limits"], f"{preset} {name}")

    def test_images_are_those_of_the_golden(self):
        seen = {}
        for preset in kit.PRESETS:
            for _, spec in pods(kit.objects(preset)):
                for container in spec["containers"] + spec.get("initContainers", []):
                    seen.setdefault(container["image"], set()).add(preset)
        kit.golden(self, "images.txt", lines_of(seen))

    def test_rights_are_those_of_the_golden(self):
        seen = {}
        for preset in kit.PRESETS:
            for role in (it for it in kit.objects(preset) if it["kind"] in ("Role", "ClusterRole")):
                name = role["metadata"]["name"].replace("nantian-gw", "clearway")
                for rule in role.get("rules") or []:
                    words = [",".join(rule.get(key, [])) or '""' for key in ("apiGroups", "resources", "resourceNames", "verbs")]
                    line = f"{role['kind']} {name}: {' | '.join(words)}".replace("nantian-gw", "clearway")
                    seen.setdefault(line, set()).add(preset)
        kit.golden(self, "rights.txt", lines_of(seen))


def lines_of(seen):
    """A line for each thing that was seen, and which presets have it."""
    everywhere = set(kit.PRESETS)
    where = lambda presets: "every preset" if presets == everywhere else ", ".join(sorted(presets))
    return "".join(f"{thing}  [{where(presets)}]\n" for thing, presets in sorted(seen.items()))


def pods(made):
    """Every pod and pod template, with the name of its object."""
    for it in made:
        if it["kind"] == "Pod":
            yield it["metadata"]["name"], it["spec"]
        elif it["kind"] in ("Deployment", "DaemonSet", "StatefulSet", "Job"):
            yield it["metadata"]["name"], it["spec"]["template"]["spec"]


if __name__ == "__main__":
    unittest.main()
