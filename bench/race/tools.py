"""The programs of the race: installed, found, built; their versions and the machine's facts."""

import os
import platform
import shutil
import subprocess

from .process import Failed

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
INSTALL = os.path.join(ROOT, "tests", "tools", "install")
VERSION_ARGV = {
    "nginx": ["-v"], "haproxy": ["-v"], "wrk": ["-v"], "envoy": ["--version"], "clearway": ["--version"],
}


def output(argv: list[str]) -> str:
    """Both outputs of a command, whatever its exit code (`wrk -v` exits 1)."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT, check=False)
    return done.stdout.decode("utf-8", "replace")


def install(programs: set[str]) -> None:
    """Debian's programs and, when it races, Envoy; through the tests' own installer."""
    wanted = ["apt-bench"] + (["envoy"] if "envoy" in programs else [])
    if not os.access(INSTALL, os.X_OK):
        raise Failed("tests/tools/install is missing; install nginx, haproxy, wrk and Envoy yourself "
                     "and use --no-install (and --envoy PATH)")
    if subprocess.run([INSTALL, *wanted], cwd=ROOT, check=False).returncode != 0:
        raise Failed(f"tests/tools/install {' '.join(wanted)} failed; what it wrote stands above")


def build_clearway() -> None:
    """The release binary, from the lock file."""
    argv = ["cargo", "build", "--release", "--locked", "--bin", "clearway"]
    if subprocess.run(argv, cwd=ROOT, check=False).returncode != 0:
        raise Failed(f"{' '.join(argv)} failed; build it, or give a binary with --clearway PATH")


def clearway_path() -> str:
    """Where cargo puts the release binary."""
    target = os.environ.get("CARGO_TARGET_DIR", "target")
    return os.path.join(ROOT, target, "release", "clearway")


def envoy_path() -> str | None:
    """The installer's Envoy, or the one on the PATH."""
    if os.access(INSTALL, os.X_OK):
        done = subprocess.run([INSTALL, "--print-path", "envoy"], cwd=ROOT, capture_output=True, text=True, check=False)
        path = done.stdout.strip()
        if done.returncode == 0 and os.access(path, os.X_OK):
            return path
    return shutil.which("envoy")


def find(programs: set[str], given: dict[str, str | None]) -> dict[str, str]:
    """Absolute path of every program; `given` overrides. Fails on the first that is not there."""
    found = {}
    for name in sorted(programs | {"nginx", "wrk", "taskset"}):
        path = given.get(name)
        if not path and name == "clearway":
            path = clearway_path()
        elif not path and name == "envoy":
            path = envoy_path()
        elif not path:
            # nginx and haproxy live in /usr/sbin, which is not on every user's PATH.
            path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
        if not path or not os.access(path, os.X_OK):
            raise Failed(f"{name} is not to be found{f' at {path}' if path else ''}; leave out --no-install "
                         f"(or --no-build), give --{name} PATH where there is such a flag, or race without it (--only)")
        found[name] = os.path.abspath(path)
    return found


def versions(found: dict[str, str]) -> dict[str, str]:
    """First line that each program says about its version."""
    said = {}
    for name, path in found.items():
        if name in VERSION_ARGV:
            lines = [line.strip() for line in output([path, *VERSION_ARGV[name]]).splitlines() if line.strip()]
            said[name] = lines[0].replace(path, name) if lines else "says nothing"
    return said


def revision() -> str:
    """The commit, marked when tracked files outside bench/ differ from it."""
    commit = output(["git", "rev-parse", "--short=12", "HEAD"]).strip()
    changed = output(["git", "status", "--porcelain", "--", ".", ":!bench"]).strip()
    return f"{commit}{' with uncommitted changes' if changed else ''}"


def machine() -> dict[str, str]:
    """CPU, cores, memory, kernel, system: what a reader needs to judge the numbers."""
    facts = {}
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        for line in info:
            key, _, value = line.partition(":")
            if key.strip() in ("model name", "cpu MHz", "cache size"):
                facts.setdefault(key.strip(), value.strip())
    with open("/proc/meminfo", encoding="ascii") as info:
        memory = int(info.readline().split()[1]) // 1024
    with open("/etc/os-release", encoding="utf-8") as info:
        system = next((line.split("=", 1)[1].strip().strip('"') for line in info if line.startswith("PRETTY_NAME=")), "")
    virtual = next((line.split(":")[1].strip() for line in output(["lscpu"]).splitlines()
                    if line.startswith("Hypervisor vendor")), "none seen")
    return {
        "CPU": f"{facts.get('model name', platform.machine())}, {facts.get('cpu MHz', '?')} MHz, {os.cpu_count()} cores",
        "hypervisor": virtual,
        "memory": f"{memory} MiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "system": system,
    }
