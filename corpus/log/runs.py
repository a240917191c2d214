"""Finds runs of equal values, steps of visits and pairs of their pages in sorted columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def runs(values: NDArray[Any]) -> list[tuple[int, int]]:
    """Return (start, stop) of every run of equal values, in order; [] for an empty column."""
    if len(values) == 0:
        return []
    starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
    return list(zip(starts.tolist(), [*starts[1:].tolist(), len(values)], strict=True))


def steps(session: NDArray[np.uint64], page: NDArray[np.uint64], place: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return, for each row of the clicks table but the last, whether the reader went from it to the next row's page.

    False across an unknown page: it occupies a `place` but has no row.
    """
    is_step: NDArray[np.bool_] = (session[1:] == session[:-1]) & (place[1:] == place[:-1] + 1) & (page[1:] != page[:-1])
    return is_step


def all_pairs(session: NDArray[np.uint64], page: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return every (page, other page of its session), both ways and each once per session, as two columns."""
    first, second = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)]
    for start, end in runs(session):
        pages = np.unique(page[start:end])
        one, other = np.nonzero(~np.eye(len(pages), dtype=bool))
        first.append(pages[one])
        second.append(pages[other])
    return np.concatenate(first), np.concatenate(second)
