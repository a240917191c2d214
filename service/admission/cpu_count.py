"""How many CPUs this process may use."""

from __future__ import annotations

import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def cpu_count(quota: Path = _QUOTA) -> int:
    """Return the CPUs of the machine, or its container's share of them."""
    allowed = len(os.sched_getaffinity(0))
    try:
        share, period = map(int, quota.read_text().split())
    except (OSError, ValueError):  # no such file, or no limit ("max")
        return allowed
    return max(1, min(allowed, round(share / period)))
