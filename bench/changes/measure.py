"""The measurements. Each says what it does as it goes, and gives figures; `score` judges them.

Always holds: a change counts as served when a request to the data plane itself shows it; a wait has an end.
"""

import concurrent.futures
import random
import sys
import time

from race.process import Failed

from . import site
from .api import MERGE, Api, Page, samples, total
from .site import Site

# The longest that anything here may take before it is called broken.
HANG = 120.0
# Between two looks at the data plane: requests without pause would take the processor that the planes need.
LOOK = 0.0005


def say(text: str) -> None:
    """Progress, for people."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def until(what: str, test, pause: float = 0.05, patience: float = HANG) -> float:
    """Looks until it is so; when that was, by the monotonic clock."""
    end = time.monotonic() + patience
    while not test():
        if time.monotonic() > end:
            raise Failed(f"waited {patience:.0f} s in vain for: {what}")
        time.sleep(pause)
    return time.monotonic()


def shows(page: Page, index: int, edition: int) -> bool:
    """Whether a data plane serves this edition of a route."""
    _, headers, _ = page.get("/", site.host(index))
    return headers.get("location", "").startswith(f"http://{site.target(edition)}")


def unserved(page: Page, missing: list[int]) -> list[int]:
    """Those of the routes that are not served."""
    return [index for index in missing if not shows(page, index, 0)]


def create(place: Site, path: str, objects: list[dict], hands: int = 8) -> tuple[float, float]:
    """Creates objects over so many connections; when the first call began and the last was answered."""
    def work(part: list[dict]) -> None:
        api = Api(place.access)
        for one in part:
            api.call("POST", path, one)

    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(hands) as pool:
        for done in [pool.submit(work, objects[hand::hands]) for hand in range(hands)]:
            done.result()
    return began, time.monotonic()


def settled(api: Api) -> int:
    """Routes whose status is that of their newest generation."""
    return sum(site.is_settled(item) for item in api.call("GET", site.ROUTES)["items"])


def remove_routes(place: Site, api: Api) -> None:
    """No route, neither at the API server nor served."""
    api.call("DELETE", site.ROUTES)
    until("the routes' end", lambda: not api.call("GET", site.ROUTES)["items"], 0.2)
    page = place.traffic()[0]
    until("the end of serving them", lambda: page.get("/", site.host(0))[0] == 404)


def at_once(place: Site, count: int) -> dict:
    """Creates routes as fast as the API server takes them; when all are served, and when all have their status."""
    api, page = Api(place.access), place.traffic()[0]
    remove_routes(place, api)
    say(f"{count} routes at once ...")
    began, answered = create(place, site.ROUTES, [site.route(index) for index in range(count)])
    missing = list(range(count))
    while missing:
        missing = unserved(page, missing)
        if time.monotonic() - answered > HANG:
            raise Failed(f"{len(missing)} of {count} routes are not served {HANG:.0f} s after their creation")
    served = time.monotonic()
    status = until("every route's status", lambda: settled(api) == count, 0.1)
    figures = {
        "routes": count, "accepting_seconds": answered - began, "served_after_seconds": served - answered,
        "status_after_seconds": status - answered,
    }
    say(f"  accepted in {answered - began:.1f} s; after the last answer served in {served - answered:.2f} s, "
        f"with status in {status - answered:.2f} s")
    return figures


def grow(place: Site, count: int) -> None:
    """So many routes, served and with status."""
    api, page = Api(place.access), place.traffic()[0]
    there = len(api.call("GET", site.ROUTES)["items"])
    if there > count:
        remove_routes(place, api)
        there = 0
    create(place, site.ROUTES, [site.route(index) for index in range(there, count)])
    missing = list(range(there, count))
    end = time.monotonic() + HANG
    while missing := unserved(page, missing):
        if time.monotonic() > end:
            raise Failed(f"{len(missing)} routes are not served within {HANG:.0f} s")
    until("every route's status", lambda: settled(api) == count, 0.2)


def one_change(place: Site, count: int, changes: int, seed: int = 1) -> dict:
    """One route after the other is changed; the time from the API server's answer until a data plane serves the change."""
    say(f"one change among {count} routes, {changes} times ...")
    grow(place, count)
    api, page, draw = Api(place.access), place.traffic()[0], random.Random(seed)
    before, taken = place.metrics(), []
    steps = stages(place)
    for number in range(1, changes + 1):
        index = draw.randrange(count)
        api.call("PATCH", f"{site.ROUTES}/r{index}", {"spec": {"rules": site.rules(number)}}, MERGE)
        answered = time.monotonic()
        seen = until("one changed route", lambda index=index, number=number: shows(page, index, number), LOOK)
        taken.append((seen - answered) * 1000)
        # Somewhere in the rhythm of whatever ticks, after the change's status is written.
        time.sleep(0.05 + draw.random() / 10)
    after = place.metrics()
    name = "clearway_controlplane_sent_resources_total"
    sent = total(after, name) - total(before, name)
    memory = resident(place)
    spent = {step: (total - steps.get(step, 0.0)) / changes * 1000 for step, total in stages(place).items()}
    say(f"  median {sorted(taken)[len(taken) // 2]:.1f} ms, most {max(taken):.1f} ms; {sent / changes:.3f} resources sent for "
        f"each; control plane {memory['controlplane_mib']:.0f} MiB, data plane {memory['dataplane_mib']:.0f} MiB")
    return {"routes": count, "milliseconds": taken, "sent_resources": sent, "planes": len(place.dataplanes),
            "stages_milliseconds": spent, **memory}


def stages(place: Site) -> dict[str, float]:
    """Seconds that both planes have spent in each stage of changes so far, by their own clocks."""
    found: dict[str, float] = {}
    for plane, addresses, port in (("control plane", place.controlplanes, site.CONTROLPLANE_ADMIN),
                                   ("data plane", place.dataplanes, site.DATAPLANE_ADMIN)):
        text = Page(addresses[0], port).get("/metrics")[2].decode()
        for labels, value in samples(text, "clearway_config_stage_duration_seconds_sum"):
            found[f"{plane}, {labels['stage']}"] = value
    return found


def resident(place: Site) -> dict:
    """Resident memory of the planes, of several pods the largest."""
    def most(addresses: list[str], port: int) -> float:
        pages = (Page(address, port).get("/metrics")[2].decode() for address in addresses)
        return max(total(page, "process_resident_memory_bytes") for page in pages) / 2**20

    return {
        "controlplane_mib": most(place.controlplanes, site.CONTROLPLANE_ADMIN),
        "dataplane_mib": most(place.dataplanes, site.DATAPLANE_ADMIN),
    }


def versions(api: Api) -> dict[str, str]:
    """Every object with a status of ours and its resourceVersion."""
    found = {}
    for plural in ("gatewayclasses", "gateways", "httproutes"):
        for item in api.call("GET", f"{site.GATEWAY_API}/{plural}")["items"]:
            meta = item["metadata"]
            found[f"{plural} {meta.get('namespace', '')}/{meta['name']}"] = meta["resourceVersion"]
    return found


def status_calls(api: Api) -> float:
    """Writes of a status of the Gateway API that the API server itself has counted."""
    text = api.text("/metrics")
    group = "gateway.networking.k8s.io"
    return sum(total(text, "apiserver_request_total", group=group, subresource="status", verb=verb)
               for verb in ("PATCH", "PUT", "APPLY"))


def idle(place: Site, seconds: float) -> dict:
    """Nothing happens for so long: no status may be written."""
    api, name = Api(place.access), "clearway_controlplane_status_writes_total"
    say(f"idle for {seconds:.0f} s ...")
    before, counted, held = total(place.metrics(), name), status_calls(api), versions(api)
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, 60))
        say(f"  {max(0, end - time.monotonic()):.0f} s left")
    api = Api(place.access)
    now = versions(api)
    changed = sorted(key for key in held.keys() | now.keys() if held.get(key) != now.get(key))
    figures = {
        "seconds": seconds, "objects": len(held), "status_writes": total(place.metrics(), name) - before,
        "status_calls_at_the_api_server": status_calls(api) - counted, "objects_changed": len(changed),
    }
    say(f"  {figures['status_writes']:.0f} writes, {figures['status_calls_at_the_api_server']:.0f} calls at the API server, "
        f"{len(changed)} of {len(held)} objects changed")
    return figures
