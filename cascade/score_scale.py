"""One falling scale of scores for a list whose parts were ranked by different stages."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cascade.types import Candidates

_STEP = np.float32(1e-3)  # between the last row of one part and the first of the next


def below(above: Candidates, left: Candidates) -> Candidates:
    """Return the rows of both, those of `left` with their scores moved under the lowest of `above`.

    Stages score on scales of their own: a row that the last stage did not reach would seem the better one.
    """
    if len(above) == 0 or len(left) == 0 or "score" not in above.columns or "score" not in left.columns:
        return above.followed_by(left)
    lowest, highest = _finite(above["score"]).min(initial=np.inf), _finite(left["score"]).max(initial=-np.inf)
    top = min(lowest - _STEP, np.nextafter(lowest, -np.inf))  # of the rows below
    if highest <= top:
        return above.followed_by(left)
    moved = (float(top) + (left["score"].astype(np.float64) - highest)).astype(np.float32)
    return above.followed_by(left.with_columns({"score": moved}))


def by_place(candidates: Candidates) -> Candidates:
    """Return the rows with their places as scores: 0, -1, -2 and so on."""
    return candidates.with_columns({"score": -np.arange(len(candidates), dtype=np.float32)})


def _finite(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    return scores[np.isfinite(scores)]
