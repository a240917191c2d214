"""HR@k and NDCG@k where one of 20 candidates is the right one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def target_ranks(scores: NDArray[np.floating], target: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return each target's rank, from 1; scores are (n, candidates), `target` (n,) the target's column.

    Among equal scores the rank is the mean of the best and the worst, so that a constant score gains nothing. NaN,
    the score of a model that diverged, is below all numbers.
    """
    scores = np.where(np.isnan(scores), -np.inf, scores)
    own = np.take_along_axis(scores, target[:, None], axis=1)
    return np.asarray(1.0 + (scores > own).sum(1) + ((scores == own).sum(1) - 1) / 2)


def by_task(ranks: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Return each task's HR@1, HR@5, HR@10, NDCG@5 and NDCG@10."""
    found = {f"HR@{k}": (ranks <= k).astype(np.float64) for k in (1, 5, 10)}
    return found | {f"NDCG@{k}": np.where(ranks <= k, 1 / np.log2(1 + ranks), 0.0) for k in (5, 10)}
