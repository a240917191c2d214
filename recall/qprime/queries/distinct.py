"""Detects near-duplicates among the queries of one page."""

from __future__ import annotations

from collections.abc import Sequence

ALIKE = 0.6  # queries whose words overlap more than this (Jaccard) are near-duplicates


class Distinct:
    """Accepts a query unless it is a near-duplicate of an accepted one."""

    def __init__(self, alike: float = ALIKE) -> None:
        self._alike = alike
        self._taken: list[set[str]] = []

    def takes(self, query: Sequence[str]) -> bool:
        """Accept the query if its words differ enough from all accepted ones; return whether it was accepted."""
        own = set(query)
        if any(len(own & other) > self._alike * len(own | other) for other in self._taken):
            return False
        self._taken.append(own)
        return True
