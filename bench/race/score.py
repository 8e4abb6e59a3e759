"""From the runs to medians, pairwise ratios and the goals. Pure: figures in, figures out."""

from statistics import median

# (over, under, goal, strict): the ratio of CPU per request that must be at most `goal` (or below it).
GOALS = [
    ("clearway-on", "haproxy", 1.15, False),
    ("clearway-on", "nginx-log", 1.0, True),
    ("clearway-on", "clearway-off", 1.2, False),
    ("clearway-on-10k", "clearway-on-1-lua", 1.1, False),
]
# Worth knowing, without a goal.
RATIOS = [
    ("clearway-off", "haproxy"),
    ("clearway-off", "nginx"),
    ("clearway-on", "nginx"),
    ("clearway-on", "envoy-log"),
    ("clearway-off", "envoy"),
    ("clearway-off-10k", "clearway-off-1-lua"),
    ("clearway-on-10k", "clearway-off-10k"),
    ("nginx-log", "nginx"),
    ("envoy-log", "envoy"),
    ("nginx", "haproxy"),
    ("envoy", "haproxy"),
]


def spread(values: list[float]) -> dict:
    """Median, least and greatest."""
    return {"median": median(values), "min": min(values), "max": max(values)}


COLUMNS = {
    "cpu_us_per_request": lambda run: run["cpu_us_per_request"],
    "requests_per_second": lambda run: run["requests_per_second"],
    "p50_us": lambda run: run["latency_us"]["p50"],
    "p99_us": lambda run: run["latency_us"]["p99"],
    "rss_mib": lambda run: run["rss_kib"] / 1024,
    "rss_peak_mib": lambda run: run["rss_peak_kib"] / 1024,
    "core_busy_by_contender": lambda run: run["core_busy_by_contender"],
    "core_busy_by_others": lambda run: run["core_busy_by_others"] + run["core_stolen"],
    "ready_seconds": lambda run: run["ready_seconds"],
}


def summary(runs: list[dict]) -> dict[str, dict]:
    """Per contender, in order of appearance: the spread of every column."""
    by_name: dict[str, list[dict]] = {}
    for run in sorted(runs, key=lambda run: run["round"]):
        by_name.setdefault(run["contender"], []).append(run)
    return {
        name: {column: spread([value(run) for run in own]) for column, value in COLUMNS.items()}
        for name, own in by_name.items()
    }


def ratio(runs: list[dict], over: str, under: str) -> dict | None:
    """CPU per request of `over` to that of `under`, divided within each round, then the spread.
    None when one of them did not race."""
    cpu = {(run["contender"], run["round"]): run["cpu_us_per_request"] for run in runs}
    rounds = sorted({number for name, number in cpu if name == over} & {number for name, number in cpu if name == under})
    if not rounds:
        return None
    pairs = [cpu[over, number] / cpu[under, number] for number in rounds]
    return {"over": over, "under": under, "by_round": pairs, **spread(pairs)}


def ratios(runs: list[dict]) -> list[dict]:
    """Every ratio without a goal whose two sides raced."""
    return [found for over, under in RATIOS if (found := ratio(runs, over, under))]


def goals(runs: list[dict]) -> list[dict]:
    """Every goal, with `passed` and `missed_by` (a share of the goal); `median` is None if not measured,
    `faulty` says that a run of either side had a fault: there is no verdict then."""
    broken = {run["contender"] for run in runs if run["faults"]}
    judged = []
    for over, under, goal, strict in GOALS:
        found = ratio(runs, over, under) or {"over": over, "under": under, "median": None}
        if found["median"] is not None:
            found["passed"] = found["median"] < goal if strict else found["median"] <= goal
            found["faulty"] = bool({over, under} & broken)
            found["missed_by"] = max(0.0, found["median"] / goal - 1)
        judged.append({**found, "goal": goal, "strict": strict})
    return judged
