"""Recall path `popular`, the fallback: the most clicked pages of the reader's host, then overall."""

from __future__ import annotations

import numpy as np

from cascade.types import Candidates, Query
from corpus.urls.url import host_id
from store.tables import Table

#: Key of the row with the most clicked pages overall.
OVERALL = 0


class PopularRecall:
    """Answers any query, even for an unknown page: it only needs the URL's host."""

    name = "popular"

    def __init__(self, table: Table) -> None:
        self._table = table

    async def recall(self, query: Query, limit: int) -> Candidates:
        """Return at most `limit` pages: the host's first, then the overall ones, without the query's own page."""
        keys = np.array([host_id(query.url), OVERALL], np.uint64)
        rows = await self._table.get_many(keys)
        pages = np.frombuffer(b"".join(row for row in rows if row), "<u8")
        pages = pages[pages != np.uint64(query.page)]
        _, first = np.unique(pages, return_index=True)
        return Candidates(pages[np.sort(first)][:limit])
