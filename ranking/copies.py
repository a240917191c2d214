"""One page, one place: of copies of a page, only the best goes on to the next stage."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cascade.types import Candidates
from store.page_row import repeated

_SPARE = 2  # times as many rows as are wanted are compared first: comparing all 250 takes 20 times as long


def without_copies(candidates: Candidates, order: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """Return the first `most` rows of `order`, best first, without copies of rows above them."""
    first = order[: _SPARE * most]
    kept = _first_copies(candidates, first)
    if len(kept) < most and len(first) < len(order):
        kept = _first_copies(candidates, order)
    return kept[:most]


def _first_copies(candidates: Candidates, order: NDArray[np.intp]) -> NDArray[np.intp]:
    return order[~repeated(*(candidates[name][order] for name in ("fingerprint", "address", "copy")))]
