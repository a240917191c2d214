"""Recall path `two_tower`: pages whose page-tower vector is nearest to the query-tower vector."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from concurrent.futures import Executor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cascade.types import Candidates, Query
from recall.ann import AnnIndex
from text_model.session import OnnxModel
from text_model.tokens import PageTokenizer, single_inputs

_REMEMBERED = 1024  # cached vectors of unknown pages, so that path and hydrator embed a page only once


class QueryVectors:
    """Gives the query-tower vector of a page: stored for known pages, computed on demand for others."""

    def __init__(self, pages: NDArray[np.uint64], stored: Path, tower: OnnxModel, tokenizer: PageTokenizer) -> None:
        self._pages = pages  # ascending; row i of `stored` is pages[i]
        self._stored: NDArray[np.float16] = np.load(stored, mmap_mode="r")
        if len(self._stored) != len(pages):
            raise ValueError(f"{stored.name} holds {len(self._stored)} vectors for {len(pages)} pages: build it again")
        self._tower = tower
        self._tokenizer = tokenizer
        self._embedded: OrderedDict[tuple[str, str, str], NDArray[np.float32]] = OrderedDict()

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self._stored.shape[1])

    def vector(self, query: Query) -> NDArray[np.float32] | None:
        """Return a unit vector; None for an unknown page without text that the tokenizer can read.

        Embedding a text takes milliseconds.
        """
        stored = self.stored(query)
        return self._embed(query) if stored is None and query.has_text else stored

    def stored(self, query: Query) -> NDArray[np.float32] | None:
        """Return the unit vector of a page of the build; None for any other page."""
        row = int(np.searchsorted(self._pages, np.uint64(query.page)))
        if row == len(self._pages) or int(self._pages[row]) != query.page:
            return None
        vector: NDArray[np.float32] = self._stored[row].astype(np.float32)
        return vector

    def _embed(self, query: Query) -> NDArray[np.float32] | None:
        key = (query.url, query.title, query.snippet)
        vector = self._embedded.get(key)
        if vector is None:
            tokens, _ = self._tokenizer.encode([query.url], [query.title], [query.snippet])
            if len(tokens[0]) == 0:
                return None
            inputs = single_inputs(tokens, self._tokenizer.marks)
            vector = self._tower.run(inputs)[0][0]
            self._embedded[key] = vector
            if len(self._embedded) > _REMEMBERED:
                self._embedded.popitem(last=False)
        return vector


class TwoTowerRecall:
    """Searches the page tower's index with the query tower's vector."""

    name = "two_tower"

    def __init__(self, index: AnnIndex, queries: QueryVectors, native: Executor) -> None:
        if queries.dimension != index.dimension:
            raise ValueError(f"query vectors have {queries.dimension} numbers, pages {index.dimension}: build it again")
        self._index = index
        self._queries = queries
        self._native = native

    async def recall(self, query: Query, limit: int) -> Candidates:
        """Return at most `limit` pages, nearest first; none for an unknown page without text."""
        return await asyncio.get_running_loop().run_in_executor(self._native, self._search, query, limit)

    def _search(self, query: Query, limit: int) -> Candidates:
        vector = self._queries.vector(query)
        if vector is None:
            return Candidates.empty()
        pages, _ = self._index.search(vector, limit + 1)
        return Candidates(pages[pages != query.page][:limit])


class TwoTowerCosine:
    """Adds `two_tower_cosine` to every candidate, from any path; NaN if either page has no vector."""

    name = "two_tower_cosine"

    def __init__(self, index: AnnIndex, queries: QueryVectors, native: Executor) -> None:
        self._index = index
        self._queries = queries
        self._native = native

    async def hydrate(self, query: Query, candidates: Candidates) -> Candidates:
        """Return the candidates with the column `two_tower_cosine`, float32 in [-1, 1]."""
        vector = self._queries.stored(query)
        if vector is None:
            vector = await asyncio.get_running_loop().run_in_executor(self._native, self._queries.vector, query)
        if vector is None:
            return candidates.with_columns({self.name: np.full(len(candidates), np.nan, np.float32)})
        return candidates.with_columns({self.name: self._index.cosines(vector, candidates.pages)})
