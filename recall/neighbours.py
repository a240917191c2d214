"""A recall path that reads one row of a table: a page's neighbours, best first, with the signals of each pair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cascade.types import Candidates, Query
from store.tables import Table


class NeighbourRecall:
    """Reads the row of the query's page, of which each neighbour has the dtype `neighbour`: `page` and its signals."""

    def __init__(self, name: str, table: Table, neighbour: np.dtype[np.void]) -> None:
        self.name = name
        self._table = table
        self._neighbour = neighbour

    async def recall(self, query: Query, limit: int) -> Candidates:
        """Return at most `limit` neighbours with all signals as float32 columns; none for a page without a row."""
        (row,) = await self._table.get_many(np.array([query.page], np.uint64))
        if row is None:
            return Candidates.empty()
        neighbours: NDArray[np.void] = np.frombuffer(row, self._neighbour)[:limit]
        signals = [name for name in self._neighbour.names or () if name != "page"]
        return Candidates(
            neighbours["page"].astype(np.uint64), {name: neighbours[name].astype(np.float32) for name in signals}
        )
