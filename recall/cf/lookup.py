"""Recall path `cf`: nearest pages by embeddings of what readers read together."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

from cascade.types import Candidates, Query
from recall.ann import AnnIndex


class CfRecall:
    """Searches the ALS embeddings for those nearest to the query page's; a page without visits has no embedding."""

    name = "cf"

    def __init__(self, index: AnnIndex, native: Executor) -> None:
        self._index = index
        self._native = native

    async def recall(self, query: Query, limit: int) -> Candidates:
        """Return at most `limit` pages, nearest first."""
        return await asyncio.get_running_loop().run_in_executor(self._native, self._search, query.page, limit)

    def _search(self, page: int, limit: int) -> Candidates:
        vector = self._index.vector(page)
        if vector is None:
            return Candidates.empty()
        pages, _ = self._index.search(vector, limit + 1)
        return Candidates(pages[pages != page][:limit])


class CfCosine:
    """Adds `cf_cosine` to every candidate, from any path; NaN if either page has no embedding."""

    name = "cf_cosine"

    def __init__(self, index: AnnIndex) -> None:
        self._index = index

    async def hydrate(self, query: Query, candidates: Candidates) -> Candidates:
        """Return the candidates with the column `cf_cosine`, float32 in [-1, 1]."""
        return candidates.with_columns({"cf_cosine": self._index.cosines_from(query.page, candidates.pages)})
