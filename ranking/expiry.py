"""When pages expire: at their own end, and at the age from which the site shows none."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cascade.types import Candidates, Query
from store.valid_until import ValidUntil


@dataclass(frozen=True, slots=True)
class Expired:
    """Drops expired pages; pages without an end, and without a time of publication, never expire."""

    valid_until: ValidUntil = field(default_factory=ValidUntil)
    oldest_days: float = 0.0  # 0: pages of any age

    @property
    def name(self) -> str:
        """The reason of a drop."""
        return "expired"

    def at(self, candidates: Candidates) -> NDArray[np.float64]:
        """Return when each page expires, in seconds since 1970; infinity for never."""
        ends = self.valid_until.of(candidates.pages)
        if self.oldest_days and len(candidates):
            published = candidates["published"].astype(np.float64)
            too_old = np.where(published > 0, 3600 * (published + 24 * self.oldest_days), math.inf)
            ends = np.minimum(ends, too_old)
        return ends

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        return np.asarray(~(self.at(candidates) <= 3600 * query.at))
