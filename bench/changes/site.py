"""The objects that are made, and where they are reached. Pure, but for `Site`, which finds the pods."""

import json

from race.process import Failed

from .api import GATEWAY_API, Access, Page, kubectl

NAMESPACE, GATEWAY, RELEASE = "propagation", "bench", "clearway"
ROUTES = f"{GATEWAY_API}/namespaces/{NAMESPACE}/httproutes"
SERVICES = f"/api/v1/namespaces/{NAMESPACE}/services"
SLICES = f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices"
# The merged HTTP entry of a data plane, its admin port, and the control plane's.
TRAFFIC, DATAPLANE_ADMIN, CONTROLPLANE_ADMIN = 10080, 19080, 18081


def host(index: int) -> str:
    """The hostname of a route."""
    return f"r{index}.bench.example"


def target(edition: int) -> str:
    """Where a route redirects to: what a request must show when the edition is served."""
    return f"e{edition}.bench.example"


def rules(edition: int) -> list[dict]:
    """One rule that redirects: it needs no endpoints, and each edition can be seen from outside."""
    redirect = {"type": "RequestRedirect", "requestRedirect": {"hostname": target(edition), "statusCode": 302}}
    return [{"filters": [redirect]}]


def route(index: int, edition: int = 0) -> dict:
    """An HTTPRoute of one rule and one hostname."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": f"r{index}", "namespace": NAMESPACE},
        "spec": {"parentRefs": [{"name": GATEWAY}], "hostnames": [host(index)], "rules": rules(edition)},
    }


def service_route(index: int) -> dict:
    """An HTTPRoute to the Service of the same number."""
    made = route(index)
    made["metadata"]["name"] = f"s{index}"
    made["spec"].update(hostnames=[f"s{index}.bench.example"], rules=[{"backendRefs": [{"name": f"s{index}", "port": 80}]}])
    return made


def service(index: int) -> dict:
    """A Service without selector: its endpoints are what we say."""
    return {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": f"s{index}", "namespace": NAMESPACE},
        "spec": {"ports": [{"name": "http", "port": 80}]},
    }


def endpoint_slice(index: int, address: str, port: int) -> dict:
    """The EndpointSlice of that Service: one endpoint."""
    return {
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": f"s{index}", "namespace": NAMESPACE, "labels": {"kubernetes.io/service-name": f"s{index}"}},
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
    }


GATEWAY_OBJECT = {
    "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
    "metadata": {"name": GATEWAY, "namespace": NAMESPACE},
    "spec": {"gatewayClassName": RELEASE, "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
}


def is_settled(item: dict) -> bool:
    """Whether a route's status says, for its newest generation, that it is accepted."""
    generation = item["metadata"]["generation"]
    conditions = [condition for parent in item.get("status", {}).get("parents", []) for condition in parent["conditions"]]
    accepted = [one for one in conditions if one["type"] == "Accepted"]
    return bool(accepted) and all(
        one["status"] == "True" and one.get("observedGeneration") == generation for one in accepted)


class Site:
    """Clearway in a cluster: who may ask the API server, and where the planes' pods are."""

    def __init__(self) -> None:
        self.access = Access()
        self.controlplanes = self._pods("controlplane")
        self.dataplanes = self._pods("dataplane")

    def _pods(self, component: str) -> list[str]:
        """Addresses of a plane's pods that run."""
        labels = f"app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component={component}"
        items = json.loads(kubectl("-n", RELEASE, "get", "pods", "-l", labels, "-o", "json"))["items"]
        live = [one["status"]["podIP"] for one in items if one["status"].get("podIP") and "deletionTimestamp" not in one["metadata"]]
        if not live:
            raise Failed(f"no pod of the {component} runs in namespace {RELEASE}; install Clearway first: tests/cluster/deploy")
        return sorted(live)

    def control(self) -> Page:
        """The control plane's admin port."""
        return Page(self.controlplanes[0], CONTROLPLANE_ADMIN)

    def metrics(self) -> str:
        """The control plane's metrics."""
        return self.control().get("/metrics")[2].decode()

    def traffic(self) -> list[Page]:
        """The merged HTTP entry of each data plane."""
        return [Page(address, TRAFFIC) for address in self.dataplanes]
