"""The interface of a search engine for Q'."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class SearchText(NamedTuple):
    """The text of a page to index."""

    page: int  # PageId
    title: str
    text: str  # snippet, and body if there is one


@dataclass(frozen=True, slots=True)
class Hits:
    """The results of one query, best first."""

    pages: NDArray[np.uint64]
    scores: NDArray[np.float32]  # comparable within one query only


NO_HITS = Hits(np.empty(0, np.uint64), np.empty(0, np.float32))


class SearchEngine(Protocol):
    """Finds pages by words."""

    def search(self, queries: Sequence[str], limit: int) -> Sequence[Hits | None]:
        """Return at most `limit` hits per query, in the order of the queries; None for a failed query."""
        ...
