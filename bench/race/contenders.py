"""Who races: one line per contender, in the order of the first round."""

from collections.abc import Callable
from dataclasses import dataclass

from . import clearway, peers
from .site import MANY, Launch, Site


@dataclass(frozen=True)
class Contender:
    """`program` is the binary, `says` the column of the report; `listed` walks a list of requests over `routes`."""

    name: str
    program: str
    says: str
    launch: Callable[[Site], Launch]
    routes: int = 1
    listed: bool = False


def _clearway(name: str, says: str, telemetry: bool, routes: int = 1, listed: bool = False) -> Contender:
    return Contender(name, "clearway", says, lambda site: clearway.launch(site, routes, telemetry), routes, listed)


ALL = [
    _clearway("clearway-off", "all telemetry off", False),
    _clearway("clearway-on", "metrics scraped every second, JSON access log to a file, traces at 1 %", True),
    Contender("haproxy", "haproxy", "no log", peers.haproxy),
    Contender("nginx", "nginx", "no log", lambda site: peers.nginx(site, False)),
    Contender("nginx-log", "nginx", "JSON access log to a file", lambda site: peers.nginx(site, True)),
    Contender("envoy", "envoy", "no log, no tracing", lambda site: peers.envoy(site, False)),
    Contender("envoy-log", "envoy", "statistics scraped every second, JSON access log to a file, traces at 1 %",
              lambda site: peers.envoy(site, True)),
    _clearway("clearway-off-1-lua", "as clearway-off; requests from a list", False, 1, True),
    _clearway("clearway-off-10k", "as clearway-off, 10,000 HTTPRoutes; requests from a list over all", False, MANY, True),
    _clearway("clearway-on-1-lua", "as clearway-on; requests from a list", True, 1, True),
    _clearway("clearway-on-10k", "as clearway-on, 10,000 HTTPRoutes; requests from a list over all", True, MANY, True),
]


def choose(only: str | None) -> list[Contender]:
    """The contenders named in a comma-separated list; a name of a program means all of that program."""
    if not only:
        return list(ALL)
    words = [word.strip() for word in only.split(",") if word.strip()]
    names = {contender.name for contender in ALL}
    programs = {contender.program for contender in ALL}
    for word in words:
        if word not in names | programs:
            raise ValueError(f"no contender {word!r}; there are: {', '.join(sorted(names | programs))}")
    # "haproxy", "nginx" and "envoy" name a contender too: an exact name wins over the program.
    return [c for c in ALL if c.name in words or (c.program in words and c.program not in names)]
