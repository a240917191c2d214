"""What a search engine is for Q': any of them finds pages for a query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class SearchText(NamedTuple):
    """What the engine indexes of a page."""

    page: int  # PageId
    title: str
    text: str  # snippet, and body where there is one


@dataclass(frozen=True, slots=True)
class Hits:
    """What one query found, best first."""

    pages: NDArray[np.uint64]
    scores: NDArray[np.float32]  # comparable within one query only


NO_HITS = Hits(np.empty(0, np.uint64), np.empty(0, np.float32))


class SearchEngine(Protocol):
    """Finds pages by words."""

    def search(self, queries: Sequence[str], limit: int) -> Sequence[Hits | None]:
        """Return at most `limit` hits a query, in the queries' order; None for a query that could not be asked."""
        ...
