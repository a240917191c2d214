"""Positive samples of the contrast: for each user (or movie) the one with the highest Swing (TRAWL, equation 1).

The log's Swing (`corpus.log.co_visits`) joins all pairs of a session, and sessions of pages are short. Here every user
is a session of hundreds of movies, so the few most promising pairs are compared instead, over a matrix.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ablations.knowledge.data import Log, Rows

_SMOOTHING = 1.0  # α
_CANDIDATES = 20  # rows with the most columns in common, which are compared
_COLUMNS = 100  # of a pair's common ones, drawn at random; the sum is scaled to all


def likes(log: Log, users: Rows, movies: int) -> NDArray[np.bool_]:
    """Return which of the given users liked which movie, [all users, movies + 1]; rows of other users are false."""
    liked = np.zeros((len(log.attributes), movies + 1), np.bool_)
    counted = (log.label == 1) & np.isin(log.user, users)
    liked[log.user[counted], log.movie[counted]] = True
    return liked


def positives(has: NDArray[np.bool_], seed: int = 0) -> Rows:
    """Return for each row of `has` [rows, columns] the other row with the highest Swing, -1 for a row with none."""
    used = np.random.default_rng(seed).permutation(np.flatnonzero(has.any(axis=0)))
    matrix = has[:, used].astype(np.float32)
    common = matrix @ matrix.T
    np.fill_diagonal(common, 0)
    inverse = 1 / (_SMOOTHING + matrix.T @ matrix)
    best = np.full(len(has), -1, np.int64)
    for row in np.flatnonzero(common.any(axis=1)).tolist():
        found = np.argsort(-common[row], kind="stable")[:_CANDIDATES]
        found = found[common[row, found] > 0]
        scores = [_swing(np.flatnonzero(has[row, used] & has[other, used]), inverse) for other in found]
        best[row] = found[int(np.argmax(scores))]
    return best


def _swing(shared: NDArray[np.intp], inverse: NDArray[np.floating]) -> float:
    """Return equation 1 over the shared columns, where i = j counts too; of more than _COLUMNS, from the first."""
    count, kept = len(shared), shared[:_COLUMNS]
    if count == 0:
        return 0.0
    used = len(kept)
    between = inverse[np.ix_(kept, kept)]
    own = float(np.trace(between))
    scale = count * (count - 1) / (used * (used - 1)) if used > 1 else 0.0
    return own * count / used + (float(between.sum()) - own) * scale
