from __future__ import annotations

import numpy as np

from cascade.types import Candidates, Query
from store.tables import Table


class ToyRecall:
    name = "toy"

    def __init__(self, table: Table) -> None:
        self._table = table

    async def recall(self, query: Query, limit: int) -> Candidates:
        (row,) = await self._table.get_many(np.array([query.page], np.uint64))
        pages = np.frombuffer(row or b"", "<u8")[:limit]
        return Candidates(pages, {"toy_nearness": 1 / np.arange(1, len(pages) + 1, dtype=np.float32)})
