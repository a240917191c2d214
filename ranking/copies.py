"""One page, one place: of copies of a page, only the best goes on to the next stage."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cascade.types import Candidates
from store.page_row import near_duplicate

_SPARE = 2  # times as many rows as are wanted are compared first: comparing all 250 takes 20 times as long


def without_copies(candidates: Candidates, order: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """Return the first `most` rows of `order`, best first, without copies of rows above them.

    Copies have the same address, copy key or nearly the same text. A copy of a copy is one too.
    """
    first = order[: _SPARE * most]
    kept = first[~_repeated(candidates, first)]
    if len(kept) < most and len(first) < len(order):
        kept = order[~_repeated(candidates, order)]
    return kept[:most]


def _repeated(candidates: Candidates, order: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return which rows are copies of an earlier one."""
    copies = near_duplicate(*_pairs(candidates["fingerprint"][order]))
    for name in ("address", "copy"):
        left, right = _pairs(candidates[name][order])
        copies |= (left == right) & (left != 0)
    return np.asarray(np.tril(copies, -1).any(1))


def _pairs(column: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    return column[:, None], column[None, :]
