"""What a query writer is: it reads pages and writes Q', the queries that a reader of a page might ask next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

MAX_QUERIES = 10


class WrittenQuery(NamedTuple):
    """One query, and how relevant to the page its writer thinks it is."""

    text: str
    relevance: float = 1.0  # 0 to 1


class PageWords(Protocol):
    """The words of a page that a query writer reads."""

    @property
    def url(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def snippet(self) -> str: ...
    @property
    def language(self) -> str: ...


class QueryWriter(Protocol):
    """Writes queries that find pages complementary to a page."""

    def write(self, pages: Sequence[PageWords]) -> Sequence[list[WrittenQuery] | None]:
        """Return at most ten queries a page, the most relevant first, no two nearly alike.

        A page that deserves none has an empty list; None stands for a page whose queries could not be asked for.
        """
        ...
