"""Recall path `knowledge`: pages whose adapted vector is nearest to that of the reader's page."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cascade.types import Candidates, Query
from recall.ann import AnnIndex
from recall.knowledge.path import ADAPTER, ENCODER, TEXT, TOKENIZER
from recall.knowledge.views import joined
from text_model.session import OnnxModel
from text_model.tokens import PageTokenizer, single_inputs, title_and_rest

_REMEMBERED = 1024  # cached vectors of unknown pages, so that path and hydrator embed a page only once


@dataclass(frozen=True, slots=True)
class KnowledgeModel:
    """Tokenizer, frozen encoder and adapter: from a page's text to its adapted vector."""

    tokenizer: PageTokenizer
    encoder: OnnxModel
    adapter: OnnxModel

    def vector(self, url: str, title: str, text: str) -> NDArray[np.float32] | None:
        """Return a unit vector (dimension,); None for a text that the tokenizer cannot read. Takes milliseconds."""
        tokens, titles = self.tokenizer.encode([url], [title], [text])
        if len(tokens[0]) == 0:
            return None
        first, rest = title_and_rest(tokens, titles)
        views = self._encoded([*first, *rest])
        vectors: NDArray[np.float32] = self.adapter.run({"embeddings": joined(views[:1], views[1:])})[0][0]
        return vectors

    def _encoded(self, tokens: Sequence[NDArray[np.uint32]]) -> NDArray[np.float32]:
        """Return a vector per text; each is a run of its own, since the int8 encoder scales a run as a whole."""
        marks = self.tokenizer.marks
        return np.concatenate([self.encoder.run(single_inputs([one], marks))[0] for one in tokens])


def open_model(directory: Path, threads: int) -> KnowledgeModel:
    """Open the model of a path's directory."""
    tokens: int = json.loads((directory / TEXT).read_text())["tokens"]
    return KnowledgeModel(
        PageTokenizer(directory / TOKENIZER, tokens),
        OnnxModel(directory / ENCODER, threads),
        OnnxModel(directory / ADAPTER, threads),
    )


class KnowledgeVectors:
    """Gives the adapted vector of a page: from the index for known pages, computed on demand for others."""

    def __init__(self, index: AnnIndex, model: KnowledgeModel | None) -> None:
        """Take the index and the model; None for a bundle without knowledge."""
        self.index = index
        self._model = model
        self._made: OrderedDict[tuple[str, str, str], NDArray[np.float32]] = OrderedDict()

    def vector(self, query: Query) -> NDArray[np.float32] | None:
        """Return a unit vector; None for an unknown page without text that the tokenizer can read."""
        stored = self.stored(query)
        return self._computed(query) if stored is None and query.has_text else stored

    def stored(self, query: Query) -> NDArray[np.float32] | None:
        """Return the unit vector of a page of the build; None for any other page."""
        return self.index.vector(query.page)

    def _computed(self, query: Query) -> NDArray[np.float32] | None:
        if self._model is None:
            return None
        key = (query.url, query.title, query.snippet)
        vector = self._made.get(key)
        if vector is None:
            vector = self._model.vector(*key)
            if vector is None:
                return None
            self._made[key] = vector
            if len(self._made) > _REMEMBERED:
                self._made.popitem(last=False)
        return vector


class KnowledgeRecall:
    """Searches the adapted vectors of pages for those nearest to the query page's."""

    name = "knowledge"

    def __init__(self, vectors: KnowledgeVectors, native: Executor) -> None:
        self._vectors = vectors
        self._native = native

    async def recall(self, query: Query, limit: int) -> Candidates:
        """Return at most `limit` pages, nearest first; none for an unknown page without text."""
        return await asyncio.get_running_loop().run_in_executor(self._native, self._search, query, limit)

    def _search(self, query: Query, limit: int) -> Candidates:
        vector = self._vectors.vector(query)
        if vector is None:
            return Candidates.empty()
        pages, _ = self._vectors.index.search(vector, limit + 1)
        return Candidates(pages[pages != query.page][:limit])


class KnowledgeCosine:
    """Adds `knowledge_cosine` to every candidate, from any path; NaN if either page has no vector."""

    name = "knowledge_cosine"

    def __init__(self, vectors: KnowledgeVectors, native: Executor) -> None:
        self._vectors = vectors
        self._native = native

    async def hydrate(self, query: Query, candidates: Candidates) -> Candidates:
        """Return the candidates with the column `knowledge_cosine`, float32 in [-1, 1]."""
        vector = self._vectors.stored(query)
        if vector is None:
            vector = await asyncio.get_running_loop().run_in_executor(self._native, self._vectors.vector, query)
        if vector is None:
            return candidates.with_columns({self.name: np.full(len(candidates), np.nan, np.float32)})
        return candidates.with_columns({self.name: self._vectors.index.cosines(vector, candidates.pages)})
