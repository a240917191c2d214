"""The interface of a query writer: it writes Q', the queries that a reader of a page might ask next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

MAX_QUERIES = 10


class WrittenQuery(NamedTuple):
    """One query, and its relevance to the page according to the writer."""

    text: str
    relevance: float = 1.0  # 0 to 1


class PageWords(Protocol):
    """The text of a page that a query writer reads."""

    @property
    def url(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def snippet(self) -> str: ...
    @property
    def language(self) -> str: ...


class QueryWriter(Protocol):
    """Writes queries that find pages which complement a page."""

    def write(self, pages: Sequence[PageWords]) -> Sequence[list[WrittenQuery] | None]:
        """Return at most ten queries per page, the most relevant first, without near-duplicates.

        A page that deserves no queries has an empty list; None stands for a page for which the writer failed.
        """
        ...
