"""Where one run happens: ports, folder, programs; and the requests it is asked.

Every contender's configuration is written from a `Site`, and answers the same request with the same
128 bytes of the one backend.
"""

import random
from dataclasses import dataclass, field

BODY = ("clearway bench " * 9)[:127] + "."
HOSTS, PATHS = 100, 100
MANY = HOSTS * PATHS


def route(index: int) -> tuple[str, str]:
    """(hostname, path prefix) of route `index`: 100 hosts with 100 prefixes each."""
    return f"h{index // PATHS:03d}.bench.example", f"/svc-{index % PATHS:04d}"


def request(index: int) -> tuple[str, str]:
    """(Host, path) of a request that only route `index` takes."""
    host, prefix = route(index)
    return host, f"{prefix}/item"


def write_requests(path: str, routes: int) -> None:
    """A list of 10,000 "host path" lines over `routes` routes: as long for one route as for all, in
    one fixed shuffled order, so that the lists differ in nothing but the number of routes."""
    order = list(range(MANY))
    random.Random(1).shuffle(order)
    with open(path, "w", encoding="ascii") as out:
        for index in order:
            out.write("{} {}\n".format(*request(index % routes)))


@dataclass
class Site:
    """One run's place. Ports are of 127.0.0.1."""

    dir: str
    listen: int
    admin: int
    backend: int
    sink: int
    programs: dict[str, str] = field(default_factory=dict)

    def path(self, name: str) -> str:
        return f"{self.dir}/{name}"

    def write(self, name: str, text: str) -> str:
        path = self.path(name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path


@dataclass
class Launch:
    """How a contender starts at a site. `ready` and `scrape` are URLs, `log` the access-log file;
    None: the contender has none. `counter` is how the samples of its request counter begin."""

    argv: list[str]
    ready: str | None = None
    scrape: str | None = None
    log: str | None = None
    traces: bool = False
    counter: str | None = None
