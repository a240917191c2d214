"""Hides which pages name or link which, so that these references can be the truth where there is no log."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ranking.features import Matrix
from ranking.lightgbm.train import Groups
from recall.related.config import Weights
from recall.related.path import PATH

#: The order of pages by their text alone: the simplest one where no reader has clicked.
TEXT_ORDER = "related_score"

_RANK = f"rank_{PATH.name}"
_REFERENCES = ("related_mentions", "related_mentioned")


def hidden(groups: Groups, names: tuple[str, ...], weights: Weights) -> Groups:
    """Return the groups as if no page named another one: neither features, scores nor ranks tell it.

    What a ranker and the order of text still see alike is that the words of a title occur in a text.
    """
    features = groups.features.copy()
    score = names.index(TEXT_ORDER)
    for name in _REFERENCES:
        column = names.index(name)
        features[:, score] -= np.float32(getattr(weights, name.removeprefix("related_"))) * features[:, column]
        features[:, column] = 0
    features[:, names.index(_RANK)] = _ranks(groups, features[:, score], features[:, names.index(_RANK)])
    return replace(groups, features=features)


def _ranks(groups: Groups, score: NDArray[np.float32], rank: NDArray[np.float32]) -> Matrix:
    """Return each row's place by score among the rows of its group that the path found; NaN for the others."""
    found = np.flatnonzero(~np.isnan(rank))
    group = np.repeat(np.arange(len(groups.size)), groups.size)[found]
    order = np.lexsort((-score[found], group))
    place = np.arange(len(order)) - np.searchsorted(group[order], group[order])
    result = np.full(len(rank), np.nan, np.float32)
    result[found[order]] = place
    return result
