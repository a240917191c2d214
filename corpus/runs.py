"""Runs: consecutive rows of a sorted column that share a value."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def runs(values: NDArray[Any]) -> list[tuple[int, int]]:
    """Return (start, stop) of every run of equal values, in order; none of an empty column."""
    if len(values) == 0:
        return []
    starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
    return list(zip(starts.tolist(), [*starts[1:].tolist(), len(values)], strict=True))
