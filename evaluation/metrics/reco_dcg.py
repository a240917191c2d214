"""RecoDCG: the quality of an answer, independent of clicks (section 3.2.3 of the paper)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PLACES = (1, 3, 5)
SCALE = 25.0  # quality is 0 to 4, RecoDCG 0 to 100


def reco_dcg(quality: NDArray[np.floating], k: int) -> NDArray[np.float64]:
    """Return RecoDCG@k, 0 to 100, of each row of `quality` (answers, positions), first position first.

    sum(25 · quality_i · d_i) / sum(d_i) over the first k positions, d_i = 1 / log2(i + 1). An empty position has
    quality 0, so a short answer is worse. An unjudged pair is NaN and is left out of both sums; a row without any
    judged pair is NaN. If there are fewer than k columns, the missing positions are empty.
    """
    rows, positions = quality.shape
    padded = np.zeros((rows, k))
    padded[:, : min(positions, k)] = quality[:, :k]
    judged = ~np.isnan(padded)
    discounts = discount(k) * judged
    normal = discounts.sum(axis=1)
    gained = (np.where(judged, padded, 0.0) * discounts).sum(axis=1) * SCALE
    result: NDArray[np.float64] = np.divide(gained, normal, out=np.full(rows, np.nan), where=normal > 0)
    return result


def discount(k: int) -> NDArray[np.float64]:
    """Return the discounts of the positions 1 to k."""
    return 1.0 / np.log2(np.arange(2, k + 2, dtype=np.float64))
