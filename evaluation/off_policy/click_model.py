"""A click model of the log, for doubly robust estimates: the rate of each position, times the lift of each pair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluation.off_policy.log import NO_PAGE, ExplorationLog

Floats = NDArray[np.float64]

_PRIOR = 2.0  # expected clicks that a pair's own clicks must outweigh


def predicted(log: ExplorationLog, pages: NDArray[np.uint64]) -> Floats:
    """Return the probability of a click on each of `pages` (impressions, positions), 0 to 1.

    It is learnt from the other half of the clusters (cross-fitting): a click never predicts itself.
    """
    half = log.cluster % 2
    found = np.zeros(pages.shape)
    for side in (0, 1):
        of_side = half == side
        found[of_side] = _predicted(log, ~of_side, log.page1[of_side], pages[of_side])
    return found


def _predicted(
    log: ExplorationLog, learnt: NDArray[np.bool_], page1: NDArray[np.uint64], pages: NDArray[np.uint64]
) -> Floats:
    """Return rate of the position · (clicks of the pair + prior) / (clicks that its positions let expect + prior)."""
    shown, clicked = log.shown[learnt], log.clicked[learnt]
    there = shown != NO_PAGE
    rate = clicked.sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    keys, row = np.unique(_pairs(log.page1[learnt], shown)[there], return_inverse=True)
    clicks = np.bincount(row, clicked[there], len(keys))
    expected = np.bincount(row, np.broadcast_to(rate, shown.shape)[there], len(keys))
    lift = (clicks + _PRIOR) / (expected + _PRIOR)
    asked = _pairs(page1, pages)
    place = np.minimum(np.searchsorted(keys, asked), max(len(keys) - 1, 0))
    known = keys[place] == asked if len(keys) else np.zeros(asked.shape, bool)
    chance: Floats = np.minimum(rate * np.where(known, lift[place] if len(keys) else 1.0, 1.0), 1.0)
    return chance


def _pairs(page1: NDArray[np.uint64], pages: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return one number per pair; IDs are hashes, so that two pairs hardly ever share one."""
    return page1[:, None] * np.uint64(0x9E3779B97F4A7C15) ^ pages
