"""Many endpoint changes a second, and how far behind the data planes are.

A writer changes EndpointSlices at a steady rate. A prober, in a process of its own, changes one more and looks at every data
plane until each leads its requests to the new endpoint. Called by `bench/propagation`.
"""

import http.server
import multiprocessing
import subprocess
import threading
import time

from race.process import Failed

from . import measure, site
from .api import MERGE, Api, samples, total
from .measure import say
from .site import Site

SERVICES = 20
# Ports that the backends answer on; each says its number.
PORTS = (18090, 18091, 18092, 18093)
# Of all changes a second, so many are the prober's.
PROBES = 5


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with the number of the port."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # noqa: N802, the base class calls it so
        body = str(self.server.server_address[1]).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args) -> None:  # noqa: A002, the base class names it so
        """Says nothing."""


def own_address(toward: str) -> str:
    """The address by which pods reach this process: where a packet to one of them would leave."""
    route = subprocess.run(["ip", "-o", "route", "get", toward], capture_output=True, text=True, check=False).stdout.split()
    if "src" not in route:
        raise Failed(f"there is no way from here to {toward}; run this where the cluster's addresses are")
    return route[route.index("src") + 1]


def serve_backends(address: str) -> list[http.server.ThreadingHTTPServer]:
    """Backends, each in a thread."""
    servers = [http.server.ThreadingHTTPServer((address, port), Echo) for port in PORTS]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    return servers


def change(api: Api, index: int, number: int) -> int:
    """Moves a Service's endpoint to another port; gives the port."""
    port = PORTS[number % len(PORTS)]
    body = {"ports": [{"name": "http", "port": port, "protocol": "TCP"}]}
    api.call("PATCH", f"{site.SLICES}/s{index}", body, MERGE)
    return port


def write(place: Site, rate: float, end: float, done: multiprocessing.Queue) -> None:
    """Changes Services 1 and up, so many a second, until the clock says `end`."""
    api, began, number = Api(place.access), time.monotonic(), 0
    while time.monotonic() < end:
        change(api, 1 + number % (SERVICES - 1), number // (SERVICES - 1) + 1)
        number += 1
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
    done.put((number, time.monotonic() - began))


def probe(place: Site, end: float, done: multiprocessing.Queue) -> None:
    """Changes Service 0 and waits until all data planes have followed; milliseconds for each of them."""
    api, pages, began, number, lags = Api(place.access), place.traffic(), time.monotonic(), 0, []
    while time.monotonic() < end:
        number += 1
        port = str(change(api, 0, number)).encode()
        answered, lag = time.monotonic(), []
        for page in pages:
            seen = measure.until(
                "one changed endpoint", lambda page=page, port=port: page.get("/", "s0.bench.example")[2] == port, 0.001)
            lag.append((seen - answered) * 1000)
        lags.append((answered - began, lag))
        time.sleep(max(0.0, began + number / PROBES - time.monotonic()))
    done.put(lags)


def behind(place: Site) -> float:
    """The greatest lag of a data plane, by the control plane's own gauge, in milliseconds."""
    lags = samples(place.metrics(), "clearway_controlplane_dataplane_lag_seconds")
    return max((value for _, value in lags), default=0.0) * 1000


def churn(place: Site, rate: float, seconds: float) -> dict:
    """`rate` endpoint changes a second for so long."""
    api = Api(place.access)
    address = own_address(place.dataplanes[0])
    servers = serve_backends(address)
    say(f"{rate:.0f} endpoint changes a second for {seconds:.0f} s, {len(place.dataplanes)} data planes ...")
    for path, make in ((site.SERVICES, site.service), (site.ROUTES, site.service_route)):
        for index in range(SERVICES):
            api.call("POST", path, make(index), good=(200, 201, 409))
    for index in range(SERVICES):
        api.call("POST", site.SLICES, site.endpoint_slice(index, address, PORTS[0]), good=(200, 201, 409))
    for page in place.traffic():
        measure.until("the first endpoint", lambda page=page: page.get("/", "s0.bench.example")[0] == 200)
    text = place.metrics()
    writes, lags, gauge = multiprocessing.Queue(), multiprocessing.Queue(), []
    end = time.monotonic() + seconds
    workers = [multiprocessing.Process(target=write, args=(place, rate - PROBES, end, writes)),
               multiprocessing.Process(target=probe, args=(place, end, lags))]
    for worker in workers:
        worker.start()
    while time.monotonic() < end:
        time.sleep(1)
        gauge.append(behind(place))
    made, took = writes.get(timeout=measure.HANG)
    found = lags.get(timeout=measure.HANG)
    finished = time.monotonic()
    after = measure.until("all data planes at the newest version", lambda: behind(place) == 0, 0.02)
    for worker in workers:
        worker.join()
    for server in servers:
        server.shutdown()
    name = "clearway_controlplane_nacks_total"
    figures = {
        "planes": len(place.dataplanes), "seconds": took, "changes": made + len(found),
        "changes_per_second": (made + len(found)) / took,
        "lags": [{"at_seconds": at, "milliseconds": lag} for at, lag in found], "gauge_milliseconds": gauge,
        "caught_up_after_seconds": after - finished, "nacks": total(place.metrics(), name) - total(text, name),
    }
    say(f"  {figures['changes_per_second']:.1f} changes a second; all followed {figures['caught_up_after_seconds']:.2f} s after the last")
    return figures
