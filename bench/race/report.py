"""RESULTS.md from the results. Pure: the same results give the same page."""

from .contenders import ALL
from .score import GOALS

SAYS = {contender.name: contender.says for contender in ALL}
# Above this share of the proxy's core in other hands, a run is called noisy.
NOISY = 0.05

METHOD = """\
HTTP/1.1 with keep-alive on both sides: GET of {body} bytes through the proxy from one nginx backend that answers from
memory. `wrk` with 1 thread and {connections} connections, closed loop. Each proxy has one worker or thread and core {proxy_core} to
itself; load generator, backend, scraper and trace sink share core {load_core}. {rounds} rounds; in each round every contender
starts fresh, is warmed up for {warmup:g} s and measured for {seconds:g} s; the order is rotated from round to round.

- **CPU per request** is the user and system time of all the proxy's processes and threads (`/proc/<pid>/stat`) over the
  timed window, divided by the requests that `wrk` counts in it. It is the figure that the goals are about.
- **Requests per second** and the latencies are those of the closed loop: where the load core is the bottleneck (the
  proxy's core is then less than fully busy) they say little about the proxy.
- **RSS** is the sum of VmRSS over the proxy's processes at the end of the window.
- **Ratios** are taken between two contenders within one round; the median of those is given, not the ratio of medians.
- A run is a **fault** when `wrk` saw an error, when the requests at the backend, the access-log lines or the contender's
  own request counter differ from the requests sent by more than those in flight, when a scrape failed, or when the
  SERVER spans at the sink are not 1 % of the requests.
- Contenders whose requests come from a list make `wrk` run a line of Lua per request: compare them with each other only.
"""

REPEAT = """\
    make bench            # or: bench/run

On a machine with two cores or more that does nothing else; about {minutes} minutes. `bench/run --help` names the options,
`bench/README.md` says more, `bench/profile clearway-on` says where the time goes. The figures of every run are in
`results.json` beside this page.
"""


def table(head: list[str], rows: list[list[str]], left: int = 1) -> str:
    """A Markdown table; the first `left` columns are text, the others numbers."""
    rule = ["---" if at < left else "---:" for at in range(len(head))]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *rows])


def span(values: dict, digits: int, scale: float = 1.0) -> str:
    """median (min-max)"""
    median, least, most = (f"{values[key] * scale:,.{digits}f}" for key in ("median", "min", "max"))
    return f"{median} ({least}-{most})"


def _facts(results: dict) -> str:
    rows = [[key, value] for key, value in results["machine"].items()]
    rows += [[key, value] for key, value in results["versions"].items()]
    rows += [["commit", results["commit"]], ["date", results["date"]], ["load average before", results["load_average"]]]
    return table(["", ""], rows, left=2)


def _goals(results: dict) -> str:
    rows = []
    for goal in results["goals"]:
        bound = f"{'<' if goal['strict'] else '<='} {goal['goal']:g}"
        if goal["median"] is None:
            rows.append([f"{goal['over']} / {goal['under']}", bound, "", "not measured"])
            continue
        if goal["faulty"]:
            verdict = "**none: faults**"
        elif goal["passed"]:
            verdict = f"pass, {100 * (1 - goal['median'] / goal['goal']):.1f} % below"
        else:
            verdict = f"**miss, by {100 * goal['missed_by']:.1f} %**"
        rows.append([f"{goal['over']} / {goal['under']}", bound, span(goal, 3), verdict])
    return table(["CPU per request", "goal", "median (min-max) of the rounds", "verdict"], rows)


def _figures(results: dict) -> str:
    rows = []
    for name, own in results["summary"].items():
        rows.append([
            f"`{name}`", span(own["cpu_us_per_request"], 2), span(own["requests_per_second"], 0),
            span(own["p50_us"], 2, 0.001), span(own["p99_us"], 2, 0.001), span(own["rss_mib"], 1),
            f"{100 * own['core_busy_by_contender']['median']:.0f}", f"{own['ready_seconds']['median']:.2f}",
        ])
    head = ["contender", "CPU us per request", "requests/s", "p50 ms", "p99 ms", "RSS MiB", "core busy %", "start s"]
    return table(head, rows)


def _ratios(results: dict) -> str:
    rows = [[f"{pair['over']} / {pair['under']}", span(pair, 3)] for pair in results["ratios"]]
    return table(["CPU per request", "median (min-max) of the rounds"], rows) if rows else "Nothing to compare."


def _telemetry(results: dict) -> str:
    """The last run of each contender with telemetry: what it produced."""
    last = {run["contender"]: run for run in results["runs"] if "telemetry" in run}
    rows = []
    for name in results["summary"]:
        if name not in last:
            continue
        run, made = last[name], last[name]["telemetry"]
        lines = made.get("log_lines", 0)
        spans = made.get("spans", {})
        rows.append([
            f"`{name}`", f"{run['requests'] + run['warmup_requests']:,}", f"{lines:,}",
            f"{made.get('log_bytes', 0) / max(lines, 1):.0f}",
            f"{spans.get('server', 0):,} + {spans.get('client', 0):,}" if spans else "",
            str(made.get("scrapes", "")), f"{made['scrape_bytes']:,}" if "scrape_bytes" in made else "",
            f"{made['scrape_ms']:.1f}" if "scrape_ms" in made else "",
        ])
    head = ["contender", "requests", "log lines", "bytes a line", "SERVER + CLIENT spans", "scrapes", "bytes a scrape", "ms a scrape"]
    return table(head, rows) if rows else "No contender with telemetry raced."


def _trust(results: dict) -> str:
    faults = [f"- round {run['round']}, `{run['contender']}`: {fault}" for run in results["runs"] for fault in run["faults"]]
    noisy = [run for run in results["runs"] if run["core_busy_by_others"] + run["core_stolen"] > NOISY]
    lines = []
    if faults:
        lines += ["**FAULTS: figures of these runs cannot be trusted.**", "", *faults, ""]
    else:
        lines += ["No fault in any run: no error, every request accounted for.", ""]
    if noisy:
        worst = max(run["core_busy_by_others"] + run["core_stolen"] for run in noisy)
        lines += [f"**NOISE: in {len(noisy)} of {len(results['runs'])} runs others used more than {100 * NOISY:.0f} % of the "
                  f"proxy's core (worst {100 * worst:.0f} %).** Repeat on a quiet machine."]
    else:
        lines += [f"In every run others used less than {100 * NOISY:.0f} % of the proxy's core."]
    missing = [name for name in SAYS if name not in results["summary"]]
    if missing:
        lines += ["", f"**PARTIAL: not in this run: {', '.join(missing)}.**"]
    return "\n".join(lines)


def page(results: dict) -> str:
    """The whole of RESULTS.md."""
    options = results["options"]
    who = table(["contender", "what it does"], [[f"`{name}`", SAYS[name]] for name in results["summary"]], left=2)
    parts = [
        "# Results of the race", "Written by `bench/run`; do not edit.",
        "## Can they be trusted", _trust(results),
        f"## Goals ({len(GOALS)})", _goals(results),
        "## Figures", "Median (least-greatest) of the rounds.", _figures(results),
        "## Other ratios", _ratios(results),
        "## What the telemetry produced", "Warm-up and window of the last round together.", _telemetry(results),
        "## Who", who,
        "## Method", METHOD.format(**options),
        "## Machine", _facts(results),
        "## How to repeat it", REPEAT.format(minutes=max(1, round(results["took_seconds"] / 60))),
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"
