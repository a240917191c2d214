"""Recall path `qprime`: pages found offline by queries that a reader of the page might ask next."""

from __future__ import annotations

import numpy as np

from cascade.types import Candidates, Query
from recall.qprime.row import read
from store.tables import Table


class QPrimeRecall:
    """Reads one row of the `qprime` table; no search engine is called online.

    Adds columns `qprime_quality` (float32, 0 to 4) and `qprime_query` (the query that found the page).
    """

    name = "qprime"

    def __init__(self, table: Table) -> None:
        self._table = table

    async def recall(self, query: Query, limit: int) -> Candidates:
        """Return at most `limit` pages, best quality first; none for a page without a row."""
        (packed,) = await self._table.get_many(np.array([query.page], np.uint64))
        if packed is None:
            return Candidates.empty()
        row = read(packed)
        found = Candidates(
            row.pages, {"qprime_quality": row.quality, "qprime_query": np.array(row.queries, np.str_)[row.query]}
        )
        return found.take(np.flatnonzero(row.pages != np.uint64(query.page))[:limit])
