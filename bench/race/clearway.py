"""Clearway as a contender: the only place that knows its command line, admin paths and metric names."""

import os

from .site import Launch, Site, route

TRACE_RATIO = "0.01"

BASE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata:
  name: bench
spec:
  controllerName: gateway.networking.k8s.io/clearway
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: bench
  namespace: bench
spec:
  gatewayClassName: bench
  listeners:
    - name: http
      protocol: HTTP
      port: {listen}
---
apiVersion: v1
kind: Service
metadata:
  name: backend
  namespace: bench
spec:
  ports:
    - name: http
      port: 80
      targetPort: {backend}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: backend-1
  namespace: bench
  labels:
    kubernetes.io/service-name: backend
addressType: IPv4
ports:
  - name: http
    protocol: TCP
    port: {backend}
endpoints:
  - addresses: ["127.0.0.1"]
    conditions:
      ready: true
"""

ROUTE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: route-{index:05d}
  namespace: bench
spec:
  parentRefs:
    - name: bench
  hostnames: ["{host}"]
  rules:
    - matches:
        - path:
            type: PathPrefix
            value: {prefix}
      backendRefs:
        - name: backend
          port: 80
"""


def write_config(site: Site, routes: int) -> str:
    """The folder of Gateway API objects; routes stand 100 to a file."""
    folder = site.path("config")
    os.mkdir(folder)
    site.write("config/gateway.yaml", BASE.format(listen=site.listen, backend=site.backend))
    for first in range(0, routes, 100):
        documents = []
        for index in range(first, min(first + 100, routes)):
            host, prefix = route(index)
            documents.append(ROUTE.format(index=index, host=host, prefix=prefix))
        site.write(f"config/routes-{first // 100:03d}.yaml", "---\n".join(documents))
    return folder


def launch(site: Site, routes: int, telemetry: bool) -> Launch:
    """One worker, all telemetry on or all off."""
    admin = f"127.0.0.1:{site.admin}"
    argv = [
        site.programs["clearway"], "run",
        "--config", write_config(site, routes),
        "--workers", "1",
        "--admin-address", admin,
    ]
    ready = f"http://{admin}/readyz"
    if not telemetry:
        return Launch([*argv, "--access-log", "off", "--metrics", "off"], ready=ready)
    log = site.path("access.log")
    argv += [
        "--metrics", "on",
        "--access-log", log,
        "--otlp-traces-endpoint", f"http://127.0.0.1:{site.sink}/v1/traces",
        "--otlp-traces-protocol", "http/protobuf",
        "--trace-sample-ratio", TRACE_RATIO,
    ]
    return Launch(
        argv, ready=ready, scrape=f"http://{admin}/metrics", log=log, traces=True,
        counter="clearway_requests_total",
    )
