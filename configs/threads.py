"""How many threads the libraries of a process use, and how idle ones wait. Nothing is imported here that starts any.

Libraries count the machine's cores, whoever uses them, and let idle threads spin: beside another process each spins
through the other's share. So threads sleep while they wait, and are as many as cores are free.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping, MutableMapping
from pathlib import Path

FREE = 0  # the setting: as many threads as cores are free

#: Read once, when a library loads. GNU's OpenMP, LLVM's and Intel's, and OpenBLAS's own threads (2 ** 4 cycles).
PASSIVE = {
    "OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0", "OPENBLAS_THREAD_TIMEOUT": "4",
}  # fmt: skip

_CGROUP, _LOAD = Path("/sys/fs/cgroup"), Path("/proc/loadavg")
_SAMPLES, _APART_S = 5, 0.02

_used = 2  # by this process


def wait_passively(environ: MutableMapping[str, str] = os.environ) -> None:
    """Let idle threads sleep, unless the user set otherwise; call before any library loads."""
    for name, value in PASSIVE.items():
        environ.setdefault(name, value)


def spin_briefly(environ: MutableMapping[str, str] = os.environ) -> None:
    """Let threads of GNU's OpenMP turn 4,000 times (.05 to .2 ms) before they sleep; call before any library loads.

    For a build: its networks are small, and waking a thread takes as long as Python from one call to the next.
    """
    if environ.get("OMP_WAIT_POLICY", "PASSIVE").upper() == "PASSIVE":  # else the user wants them to turn on
        environ.setdefault("GOMP_SPINCOUNT", "4000")


def use(count: int) -> None:
    """Let the libraries that take a number of threads per call use `count`."""
    global _used
    _used = count


def used() -> int:
    """Return how many threads a call to a library of this process uses."""
    return _used


def threads(setting: int, environ: Mapping[str, str] = os.environ) -> int:
    """Return the number of threads for a setting; FREE is OMP_NUM_THREADS where set, else the free cores."""
    given = environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return setting or (int(given) if given.isdigit() and int(given) else free_cores())


def free_cores() -> int:
    """Return how many cores this process may use and no other process does; at least 1."""
    allowed, present = len(os.sched_getaffinity(0)), os.cpu_count() or 1
    return cores(allowed, present, quota(_CGROUP), min(load(_LOAD), _running_now()))


def cores(allowed: int, present: int, most: float, busy: float) -> int:
    """Return the free ones of `present` cores: at most the `allowed` ones, and `most` by quota."""
    return max(1, math.floor(min(allowed, most, present - busy) + 0.5))


def quota(cgroup: Path) -> float:
    """Return how many cores a container's limit amounts to (cgroup version 2, or 1), infinity without a limit."""
    try:
        limit, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            limit, period = ((cgroup / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        except OSError:
            return math.inf
    return math.inf if limit.strip() in ("max", "-1") else int(limit) / int(period)


def load(loadavg: Path) -> float:
    """Return the mean number of running processes over the last minute; 0 where it is unknown."""
    try:
        return float(loadavg.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 0.0


def running(loadavg: Path) -> int:
    """Return how many threads run at this moment, besides the one that asks; 0 where it is unknown."""
    try:
        return max(0, int(loadavg.read_text().split()[3].partition("/")[0]) - 1)
    except (OSError, ValueError, IndexError):
        return 0


def _running_now() -> float:
    """Return the mean of a few moments: the load of the last minute may be that of a build which has ended."""
    moments = []
    for _ in range(_SAMPLES):
        time.sleep(_APART_S)
        moments.append(running(_LOAD))
    return sum(moments) / _SAMPLES
