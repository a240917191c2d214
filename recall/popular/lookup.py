"""Recall path `popular`, the fallback: the most clicked pages of the reader's host, then of all hosts."""

from __future__ import annotations

import numpy as np

from cascade.types import Candidates, Query
from corpus.urls.url import host_id
from store.tables import Table

#: Key of the row that holds the most clicked pages of all hosts.
OVERALL = 0


class PopularRecall:
    """Answers any query, also for a page that no table knows: the URL's host is enough."""

    name = "popular"

    def __init__(self, table: Table) -> None:
        self._table = table

    async def recall(self, query: Query, limit: int) -> Candidates:
        """Return at most `limit` pages: the host's first, then the overall ones; never the query's own page."""
        keys = np.array([host_id(query.url), OVERALL], np.uint64)
        rows = await self._table.get_many(keys)
        pages = np.frombuffer(b"".join(row for row in rows if row), "<u8")
        pages = pages[pages != np.uint64(query.page)]
        _, first = np.unique(pages, return_index=True)
        return Candidates(pages[np.sort(first)][:limit])
