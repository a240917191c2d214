"""Click metrics of the paper: CTR, satisfied clicks, and the impressions that pass the quality filter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics.bootstrap import Interval, interval

#: Seconds that a reader stays after a satisfied click; the usual threshold in web search.
SATISFIED_S = 30.0
#: Clicks on pages of at most this quality (0 to 4) are not worth keeping (section 3.5).
LOW_QUALITY = 1.0
#: What NDCG is multiplied by: the paper gives a satisfied click 100.
SCALE = 100.0


def click_through_rate(impression: NDArray[np.integer], clicked: NDArray[np.bool_]) -> Interval:
    """Return the share of impressions with at least one click (section 3.3) and its interval; NaN without impressions.

    One row per page shown: its impression, and whether it was clicked.
    """
    shown, row = np.unique(impression, return_inverse=True)
    if len(shown) == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    return interval((np.bincount(row, clicked, len(shown)) > 0).astype(np.float64))


def satisfied(
    clicked: NDArray[np.bool_], dwell_s: NDArray[np.floating], threshold_s: float = SATISFIED_S
) -> NDArray[np.bool_]:
    """Return the clicks after which the reader stayed `threshold_s` or longer; an unknown time (NaN) does not count."""
    return np.asarray(clicked & (np.nan_to_num(dwell_s, nan=-1.0) >= threshold_s))


def worth_keeping(
    satisfied: NDArray[np.bool_], quality: NDArray[np.floating], threshold: float = LOW_QUALITY
) -> bool | None:
    """Return whether an impression counts in quality-filtered ClickNDCG: no clicked page has `threshold` or less.

    None if the quality of a clicked page is unknown (NaN).
    """
    of_clicked = quality[satisfied]
    if np.isnan(of_clicked).any():
        return None
    return not bool((of_clicked <= threshold).any())
