"""Rows that belong together in sorted columns: runs of equal values, and steps of visits."""

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


def steps(session: NDArray[np.uint64], page: NDArray[np.uint64], place: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return whether a reader went on from each row but the last of the clicks table to the page of the next.

    Where a page in between is not known, the places are not next to each other.
    """
    gone_on: NDArray[np.bool_] = (session[1:] == session[:-1]) & (place[1:] == place[:-1] + 1) & (page[1:] != page[:-1])
    return gone_on
