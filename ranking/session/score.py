"""Scores the candidates of an answer by the reader's way; serving."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import orjson
from cachetools import LRUCache
from numpy.typing import NDArray

from cascade.types import Candidates, Query
from ranking.session import COLUMN
from ranking.session.inputs import PageVectors, Rows, centred, padded, said, without_reloads
from text_model.session import OnnxModel

#: The files of a bundle under `session/`; none where histories did not help.
ARRAYS = ("pages", "text", "learnt", "clicks")
FILES = ("model.onnx", *(f"{name}.npy" for name in ARRAYS), "weight.json")
_KEPT = 64  # scores of lists: an explained answer selects from one list a hundred times
_AT_ONCE = 4  # ways on threads, or waiting for one: of many requests at once, more would fill the threads' queue


class _Asked(NamedTuple):
    """One answer's rows as the network reads them, and the key that their scores are kept under."""

    key: tuple[int, tuple[int, ...], bytes]
    trigger: Rows  # [1]
    way: Rows  # [1, HISTORY]
    pages: NDArray[np.uint64]  # [1, c]
    ranked: NDArray[np.bool_]  # [1, c]


class SessionScorer:
    """Adds the column `session`: what a reader's way says about each candidate, in units of z(stage 2)."""

    def __init__(
        self,
        model: OnnxModel,
        vectors: PageVectors,
        weight: float,
        counts_deviation: float | None = None,
        native: Executor | None = None,
    ) -> None:
        """`counts_deviation`: of stage 2's scores where they are an order of counts, else None."""
        self.weight = weight
        self._counts_deviation = counts_deviation
        self._model, self._vectors, self._native = model, vectors, native
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._kept: LRUCache[tuple[int, tuple[int, ...], bytes], NDArray[np.float32]] = LRUCache(_KEPT)

    @classmethod
    def load(cls, directory: Path, native: Executor | None = None) -> SessionScorer:
        """Open the files of a bundle, for the threads `native`. Raises ValueError where they do not belong together."""
        arrays = [np.load(directory / f"{name}.npy", mmap_mode="r") for name in ARRAYS]
        if {len(arrays[0]) + 1} != {len(array) for array in arrays[1:]}:
            raise ValueError(f"{directory}: the files have {[len(array) for array in arrays]} rows: build again")
        chosen = orjson.loads((directory / "weight.json").read_bytes())
        model = OnnxModel(directory / "model.onnx", 1)
        vectors, weight, deviation = PageVectors(*arrays), float(chosen["weight"]), chosen.get("counts_deviation")
        return cls(model, vectors, weight, deviation, native)

    async def read(self, query: Query, candidates: Candidates) -> bool:
        """Compute on a thread what `scored` needs, which finds it right afterwards; return True. Raises Busy."""
        asked = self._asked(query, candidates)
        if asked is not None and asked.key not in self._kept:
            loop = asyncio.get_running_loop()
            async with self._turn:
                scores = await loop.run_in_executor(self._native, self._computed, asked)
            self._kept[asked.key] = scores
        return True

    def scored(self, query: Query, candidates: Candidates) -> Candidates:
        """Return the rows with the column; as they are where nothing is known of the way.

        Computes what was not read before: a millisecond for 30 rows.
        """
        if (asked := self._asked(query, candidates)) is None:
            return candidates
        if (scores := self._kept.get(asked.key)) is None:
            scores = self._kept[asked.key] = self._computed(asked)
        deviation = self._counts_deviation
        share = None if deviation is None else (candidates["stage2"] / deviation).astype(np.float32)
        return candidates.with_columns({COLUMN: said(scores, share)})

    def _asked(self, query: Query, candidates: Candidates) -> _Asked | None:
        trigger = self._vectors.rows(np.array([query.page], np.uint64))
        way = self._vectors.rows(np.array(query.history, np.uint64))
        way = without_reloads(way[way > 0], int(trigger[0]))
        if len(way) == 0 or len(candidates) == 0:
            return None
        ranked = np.isfinite(candidates["stage2"])  # rows below were not reached
        key = (query.page, query.history, candidates.pages.tobytes() + ranked.tobytes())
        return _Asked(key, trigger, padded(way)[None], candidates.pages[None], ranked[None])

    def _computed(self, asked: _Asked) -> NDArray[np.float32]:
        found = self.scores(asked.trigger, asked.way, asked.pages)
        weighted: NDArray[np.float32] = self.weight * centred(found, asked.ranked)[0]
        return weighted

    def scores(self, trigger: Rows, history: Rows, candidates: NDArray[np.uint64]) -> NDArray[np.float32]:
        """Return the network's scores of candidates [b, c], triggers and ways are rows."""
        (scores,) = self._model.run(self._vectors.inputs(trigger, history, self._vectors.rows(candidates)))
        return scores
