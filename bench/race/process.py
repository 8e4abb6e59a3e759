"""Processes of the race: started pinned to a core in a group of their own, counted, ended by pid.

Called by `measure` and `bench/profile`. Always holds: a process started here is ended here, by the
pid (or the group of the pid) that was started, never by name.
"""

import os
import random
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

TICKS = os.sysconf("SC_CLK_TCK")
# An HTTP proxy named in the environment must not stand between the race and 127.0.0.1.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Failed(Exception):
    """The race cannot go on; the text says what failed and what to do next."""


def free_port(taken: set[int]) -> int:
    """A free TCP port of 127.0.0.1 below the range that outgoing connections draw from."""
    for _ in range(1000):
        port = random.randrange(12000, 32000)
        if port in taken:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        taken.add(port)
        return port
    raise Failed("no free TCP port between 12000 and 32000 on 127.0.0.1")


def pin_to_load(proxy_core: int, load_core: str) -> None:
    """Pins this process (scraper, sink) to the load's cores, of which the proxy's must not be one."""
    load: set[int] = set()
    for part in load_core.split(","):
        first, _, last = part.partition("-")
        load |= set(range(int(first), int(last or first) + 1))
    if proxy_core in load:
        raise Failed(f"core {proxy_core} is both the proxy's and the load's; choose with --proxy-core and --load-core")
    lacking = (load | {proxy_core}) - os.sched_getaffinity(0)
    if lacking:
        raise Failed(f"the race needs cores {proxy_core} (proxy) and {load_core} (load); this machine or container "
                     f"does not give {sorted(lacking)}; choose with --proxy-core and --load-core")
    os.sched_setaffinity(0, load)


class Process:
    """One pinned process group. `core` is a taskset list such as "0" or "1-3"."""

    def __init__(self, name: str, argv: list[str], core: str, log: str):
        self.name, self.log = name, log
        with open(log, "ab") as out:
            self.child = subprocess.Popen(
                ["taskset", "-c", core, *argv],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            )
        self.pid = self.child.pid

    def alive(self) -> bool:
        return self.child.poll() is None

    def tail(self) -> str:
        with open(self.log, "rb") as out:
            return out.read()[-2000:].decode("utf-8", "replace")

    def stop(self, patience: float = 20.0) -> float:
        """SIGTERM, then SIGKILL to the whole group. Seconds until it ended."""
        start = time.monotonic()
        if self.alive():
            os.kill(self.pid, signal.SIGTERM)
            try:
                self.child.wait(patience)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)
                self.child.wait()
                raise Failed(f"{self.name} did not end within {patience:.0f} s of SIGTERM") from None
        return time.monotonic() - start


def group(pgid: int) -> list[tuple[int, list[str]]]:
    """(pid, fields of /proc/<pid>/stat from the third on) of every process of the group."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", "rb") as stat:
                fields = stat.read().decode("latin-1").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[2]) == pgid:
            found.append((int(entry), fields))
    return found


def cpu_seconds(pgid: int) -> tuple[float, float]:
    """(user, system) seconds of all threads of all processes of the group, reaped children included."""
    user = system = 0
    for _, fields in group(pgid):
        user += int(fields[11]) + int(fields[13])
        system += int(fields[12]) + int(fields[14])
    return user / TICKS, system / TICKS


def memory_kib(pgid: int) -> tuple[int, int]:
    """(VmRSS, VmHWM) in KiB, each summed over the processes of the group."""
    now = peak = 0
    for pid, _ in group(pgid):
        with open(f"/proc/{pid}/status", encoding="latin-1") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    now += int(line.split()[1])
                elif line.startswith("VmHWM:"):
                    peak += int(line.split()[1])
    return now, peak


def core_seconds(core: int) -> tuple[float, float]:
    """(busy, stolen by the hypervisor) seconds of one core since boot; busy excludes the stolen."""
    with open("/proc/stat", encoding="ascii") as stat:
        for line in stat:
            if line.startswith(f"cpu{core} "):
                user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, line.split()[1:9])
                return (user + nice + system + irq + softirq) / TICKS, steal / TICKS
    raise Failed(f"the machine has no core {core}; choose with --proxy-core and --load-core")


def get(url: str, headers: dict[str, str] | None = None, timeout: float = 10.0) -> tuple[int, bytes]:
    """One GET; an HTTP error status is an answer, not an exception."""
    request = urllib.request.Request(url, headers=headers or {})
    try:
        with DIRECT.open(request, timeout=timeout) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def wait_for(process: Process, url: str, headers: dict[str, str], patience: float) -> float:
    """Asks until the answer is 200; seconds that took. Fails with the process's own words."""
    start, last = time.monotonic(), "no answer"
    while time.monotonic() - start < patience:
        if not process.alive():
            raise Failed(f"{process.name} ended with code {process.child.returncode}:\n{process.tail()}")
        try:
            status, _ = get(url, headers, timeout=5)
            if status == 200:
                return time.monotonic() - start
            last = f"status {status}"
        except OSError as error:
            last = str(error)
        time.sleep(0.02)
    raise Failed(f"{process.name}: GET {url} gave no 200 within {patience:.0f} s ({last}):\n{process.tail()}")
