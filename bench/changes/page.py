"""PROPAGATION.md from the results. Pure: the same results give the same page."""

from race.report import table

from .score import ENVOY_GATEWAY, MB, spread, thirds, verdicts

METHOD = """\
On the one-node Kubernetes of `tests/cluster`, with the release image and its own defaults; planes, API server, etcd and the
load share the machine below. Every time is seen from outside of Clearway:

- **One change**: the hostname of one route's redirect is patched; from the API server's answer until a request to the data
  plane's pod shows the new one, looked at every half millisecond. Routes are drawn at random; 50 to 150 ms lie between changes.
- **2,000 at once**: created over 8 connections as fast as the API server takes them; all routes are asked over and over until
  each answers, one pass takes about half a second, so *served* says at most. *Status* is `Accepted` for the newest
  generation at the API server.
- **Memory** is `process_resident_memory_bytes` of the pods after the changes.
- **Resources** are `clearway_controlplane_sent_resources_total` over the changes, for each change and data plane.
- **Endpoints**: the port of EndpointSlices is patched; a change counts as followed by a data plane when a request is led to
  the new endpoint. *First* and *last third* are medians of the slowest data plane: with a backlog the last would grow.
- **Idle**: the control plane's own count of status writes, the API server's count of calls to `/status` of the Gateway API,
  and the resourceVersions of all classes, Gateways and routes.

Both planes wait for 10 ms of quiet before they act on a change, which is part of every figure.
"""

REPEAT = """\
    make bench-propagation      # or, as root: bench/propagation

`bench/propagation --help` names the parts and their lengths. The figures of every change are in `propagation.json` beside
this page.
"""


def number(value: float | None, digits: int = 1) -> str:
    """A number, or nothing."""
    return "" if value is None else f"{value:,.{digits}f}"


def _goals(results: dict) -> str:
    rows = []
    for one in verdicts(results):
        verdict = {None: "not measured", True: "met", False: "**missed**"}[one["passed"]]
        value = "" if one["value"] is None else f"{one['value']:,.3g} {one['unit']}".strip()
        rows.append([one["about"], value, f"<= {one['goal']:g} {one['unit']}".strip(), verdict])
    return table(["goal", "measured", "bound", ""], rows)


def _one_change(results: dict) -> str:
    rows = []
    for one in results.get("one_change", []):
        own, routes = spread(one["milliseconds"]), one["routes"]
        rows.append([f"Clearway, {routes:,} routes", *(number(own[key]) for key in ("p50", "p90", "p99", "max")),
                     str(len(one["milliseconds"])), number(one["controlplane_mib"] * MB), number(one["dataplane_mib"] * MB)])
    for routes in (50, 500, 2000):
        given = [ENVOY_GATEWAY[key].get(routes) if key in ENVOY_GATEWAY else None for key in ("p50", "p90", "p99", "max")]
        memory = [number(ENVOY_GATEWAY[plane], 0) if routes == 2000 else "" for plane in ("controlplane", "dataplane")]
        rows.append([f"Envoy Gateway 1.9.1, {routes:,} routes (issue 4)", *(number(value, 0) for value in given), "", *memory])
    return table(["milliseconds", "p50", "p90", "p99", "max", "changes", "control plane MB", "data plane MB"], rows)


def _stages(results: dict) -> str:
    parts = results.get("one_change", [])
    names = sorted({name for one in parts for name, spent in one["stages_milliseconds"].items() if spent})
    rows = [[name, *(number(one["stages_milliseconds"].get(name), 2) for one in parts)] for name in names]
    return table(["milliseconds for each change", *(f"{one['routes']:,} routes" for one in parts)], rows) if rows else "Not measured."


def _at_once(results: dict) -> str:
    rows = []
    if once := results.get("at_once"):
        rows.append([f"Clearway, {once['routes']:,} routes", number(once["accepting_seconds"]),
                     number(once["served_after_seconds"], 2), number(once["status_after_seconds"], 2)])
    given = ENVOY_GATEWAY
    rows.append(["Envoy Gateway 1.9.1, 2,000 routes (issue 4)", number(given["accepting"]), number(given["served"]), number(given["status"])])
    return table(["seconds", "until the API has taken all", "then until all are served", "and until all have a status"], rows)


def _endpoints(results: dict) -> str:
    churn = results.get("endpoints")
    if not churn:
        return "Not measured."
    own = spread([max(one["milliseconds"]) for one in churn["lags"]])
    first, last = thirds(churn["lags"], churn["seconds"])
    rows = [[f"{churn['changes_per_second']:.0f} a second for {churn['seconds']:.0f} s, {churn['planes']} data planes",
             *(number(own[key]) for key in ("p50", "p90", "p99", "max")), number(first), number(last),
             number(max(churn["gauge_milliseconds"])), number(churn["caught_up_after_seconds"], 2), f"{churn['nacks']:.0f}"]]
    head = ["lag of the slowest data plane, milliseconds", "p50", "p90", "p99", "max", "first third", "last third",
            "most by the gauge", "caught up after s", "NACKs"]
    return table(head, rows)


def _idle(results: dict) -> str:
    idle = results.get("idle")
    if not idle:
        return "Not measured."
    return table(["idle", "status writes", "calls at the API server", "objects changed"],
                 [[f"{idle['seconds'] / 60:.0f} minutes, {idle['objects']:,} objects", f"{idle['status_writes']:.0f}",
                   f"{idle['status_calls_at_the_api_server']:.0f}", f"{idle['objects_changed']}"]])


def _facts(results: dict) -> str:
    rows = [[key, value] for key, value in results["machine"].items()]
    rows += [["commit", results["commit"]], ["date", results["date"]], ["load average before each part", results["load_average"]]]
    return table(["", ""], rows, left=2)


def page(results: dict) -> str:
    """The whole of PROPAGATION.md."""
    parts = [
        "# From a change to served", "Written by `bench/propagation`; do not edit.",
        "## Goals (issue 4, acceptance 3)", _goals(results),
        "## One change", "Envoy Gateway's figures are those that issue 4 gives for the same recipe of a cluster; this run did not measure them.",
        _one_change(results),
        "### Where the time goes", "`clearway_config_stage_duration_seconds` of both planes; stages overlap: `served` is from seen to acknowledged.",
        _stages(results),
        "## 2,000 routes at once", _at_once(results),
        "## Endpoint changes", _endpoints(results),
        "## Idle", _idle(results),
        "## Method", METHOD, "## Machine", _facts(results), "## How to repeat it", REPEAT,
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"
