"""How old a page is at the time of a request or event, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cascade.types import Candidates, Query, Scorer


def age_days(candidates: Candidates, at: float) -> NDArray[np.float32]:
    """Return the ages in days, at the time `at` (hours since 1970; NaN if unknown); negative before publication.

    NaN where the time of publication is unknown.
    """
    published = candidates["published"].astype(np.float32)
    return np.where(published > 0, (np.float32(at) - published) / np.float32(24), np.float32(np.nan))


@dataclass(frozen=True, slots=True)
class Freshened:
    """The scores of the last stage, less up to 1 for age: half of it at the half-life.

    The loss is bounded, so a much better old page still wins. Pages without a time of publication lose nothing.
    """

    scorer: Scorer
    half_life_days: float

    @property
    def name(self) -> str:
        """The stage's name: that of the scorer."""
        return self.scorer.name

    def score(self, query: Query, candidates: Candidates) -> NDArray[np.float32]:
        """Return one score per row, from the scorer's columns and `published`."""
        age = np.maximum(np.nan_to_num(age_days(candidates, query.at)), 0)
        loss = 1 - np.exp2(-age / np.float32(self.half_life_days))
        return np.asarray(self.scorer.score(query, candidates) - loss, np.float32)
