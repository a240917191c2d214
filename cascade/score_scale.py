"""Puts a list whose parts were ranked by different stages on one decreasing scale of scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cascade.types import Candidates

_STEP = np.float32(1e-3)  # gap between the last row of one part and the first of the next


def below(above: Candidates, rest: Candidates) -> Candidates:
    """Return `above` followed by `rest`, whose scores are shifted under the lowest score of `above`.

    Each stage has its own score scale: unshifted, a row that the last stage did not reach could score higher.
    """
    if len(above) == 0 or len(rest) == 0 or "score" not in above.columns or "score" not in rest.columns:
        return above.followed_by(rest)
    lowest, highest = _finite(above["score"]).min(initial=np.inf), _finite(rest["score"]).max(initial=-np.inf)
    top = min(lowest - _STEP, np.nextafter(lowest, -np.inf))  # the highest score that `rest` may have
    if highest <= top:
        return above.followed_by(rest)
    shifted = (float(top) + (rest["score"].astype(np.float64) - highest)).astype(np.float32)
    return above.followed_by(rest.with_columns({"score": shifted}))


def by_position(candidates: Candidates) -> Candidates:
    """Return the rows with their positions as scores: 0, -1, -2 and so on."""
    return candidates.with_columns({"score": 0 - np.arange(len(candidates), dtype=np.float32)})


def _finite(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    return scores[np.isfinite(scores)]
