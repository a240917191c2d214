"""How many cores there are for this process."""

from __future__ import annotations

import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def cores(quota: Path = _QUOTA) -> int:
    """Return how many cores this process may use: those of the machine, or its container's share of them."""
    allowed = len(os.sched_getaffinity(0))
    try:
        share, period = map(int, quota.read_text().split())
    except (OSError, ValueError):  # there is no such file, or it says "max"
        return allowed
    return max(1, min(allowed, round(share / period)))
