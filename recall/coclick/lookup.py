"""Recall path `coclick`: pages that readers of this page also read, from one table row."""

from __future__ import annotations

import numpy as np

from cascade.types import Candidates, Query
from recall.coclick.row import FIELDS, read
from store.tables import Table


class CoclickRecall:
    """Reads the neighbours of the query's page, with all counts of each pair as columns."""

    name = "coclick"

    def __init__(self, table: Table) -> None:
        self._table = table

    async def recall(self, query: Query, limit: int) -> Candidates:
        """Return at most `limit` neighbours with the columns of recall.coclick.row.FIELDS as float32."""
        (row,) = await self._table.get_many(np.array([query.page], np.uint64))
        if row is None:
            return Candidates.empty()
        neighbours = read(row)[:limit]
        return Candidates(
            neighbours["page"].astype(np.uint64),
            {name: neighbours[name].astype(np.float32) for name in FIELDS},
        )
