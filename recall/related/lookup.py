"""Recall path `related`: pages that belong together by what they say, from one table row."""

from __future__ import annotations

import numpy as np

from cascade.types import Candidates, Query
from recall.related.row import FIELDS, read
from store.tables import Table


class RelatedRecall:
    """Reads the neighbours of the query's page, with the signals of each pair as columns."""

    name = "related"

    def __init__(self, table: Table) -> None:
        self._table = table

    async def recall(self, query: Query, limit: int) -> Candidates:
        """Return at most `limit` neighbours with the columns of recall.related.row.FIELDS as float32."""
        (row,) = await self._table.get_many(np.array([query.page], np.uint64))
        if row is None:
            return Candidates.empty()
        neighbours = read(row)[:limit]
        return Candidates(
            neighbours["page"].astype(np.uint64),
            {name: neighbours[name].astype(np.float32) for name in FIELDS},
        )
