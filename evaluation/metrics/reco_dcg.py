"""RecoDCG: the quality of an answer, whatever readers clicked (section 3.2.3 of the paper)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PLACES = (1, 3, 5)
SCALE = 25.0  # quality is 0 to 4, RecoDCG 0 to 100


def reco_dcg(quality: NDArray[np.floating], k: int) -> NDArray[np.float64]:
    """Return RecoDCG@k, 0 to 100, of each row of `quality` (answers, places), best place first.

    sum(25 · quality_i · d_i) / sum(d_i) over the first k places, d_i = 1 / log2(i + 1). A place without a page has
    quality 0: a short answer is a worse one. A pair that nobody judged is NaN and is left out of both sums, not
    guessed; a row of which nothing was judged is NaN. Fewer than k columns count as places without pages.
    """
    rows, places = quality.shape
    padded = np.zeros((rows, k))
    padded[:, : min(places, k)] = quality[:, :k]
    judged = ~np.isnan(padded)
    discounts = discount(k) * judged
    normal = discounts.sum(axis=1)
    gained = (np.where(judged, padded, 0.0) * discounts).sum(axis=1) * SCALE
    result: NDArray[np.float64] = np.divide(gained, normal, out=np.full(rows, np.nan), where=normal > 0)
    return result


def discount(k: int) -> NDArray[np.float64]:
    """Return the discounts of the places 1 to k."""
    return 1.0 / np.log2(np.arange(2, k + 2, dtype=np.float64))
