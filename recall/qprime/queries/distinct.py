"""Tells near-duplicates among the queries of one page."""

from __future__ import annotations

from collections.abc import Sequence

ALIKE = 0.6  # queries whose words overlap more than this (Jaccard) are near-duplicates


class Distinct:
    """Takes a query unless one nearly like it was taken before."""

    def __init__(self, alike: float = ALIKE) -> None:
        self._alike = alike
        self._taken: list[set[str]] = []

    def takes(self, query: Sequence[str]) -> bool:
        """Return whether the words of a query differ enough from all that were taken; if so it is taken too."""
        own = set(query)
        if any(len(own & other) > self._alike * len(own | other) for other in self._taken):
            return False
        self._taken.append(own)
        return True
