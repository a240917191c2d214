"""Scores the candidates of an answer by the reader's way; serving."""

from __future__ import annotations

from pathlib import Path

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


class SessionScorer:
    """Adds the column `session`: what a reader's way says about each candidate, in units of z(stage 2)."""

    def __init__(
        self, model: OnnxModel, vectors: PageVectors, weight: float, counts_deviation: float | None = None
    ) -> None:
        """`counts_deviation`: of stage 2's scores where they are an order of counts, else None."""
        self.weight = weight
        self._counts_deviation = counts_deviation
        self._model, self._vectors = model, vectors
        self._kept: LRUCache[tuple[int, tuple[int, ...], bytes], NDArray[np.float32]] = LRUCache(_KEPT)

    @classmethod
    def load(cls, directory: Path) -> SessionScorer:
        """Open the files of a bundle. Raises ValueError where they do not belong together."""
        arrays = [np.load(directory / f"{name}.npy", mmap_mode="r") for name in ARRAYS]
        if {len(arrays[0]) + 1} != {len(array) for array in arrays[1:]}:
            raise ValueError(f"{directory}: the files have {[len(array) for array in arrays]} rows: build again")
        chosen = orjson.loads((directory / "weight.json").read_bytes())
        model = OnnxModel(directory / "model.onnx", 1)
        return cls(model, PageVectors(*arrays), float(chosen["weight"]), chosen.get("counts_deviation"))

    def scored(self, query: Query, candidates: Candidates) -> Candidates:
        """Return the rows with the column; as they are where nothing is known of the way. A millisecond for 30 rows."""
        trigger = self._vectors.rows(np.array([query.page], np.uint64))
        way = self._vectors.rows(np.array(query.history, np.uint64))
        way = without_reloads(way[way > 0], int(trigger[0]))
        if len(way) == 0 or len(candidates) == 0:
            return candidates
        ranked = np.isfinite(candidates["stage2"])  # rows below were not reached
        key = (query.page, query.history, candidates.pages.tobytes() + ranked.tobytes())
        if (scores := self._kept.get(key)) is None:
            found = self.scores(trigger, padded(way)[None], candidates.pages[None])
            scores = self._kept[key] = self.weight * centred(found, ranked[None])[0]
        deviation = self._counts_deviation
        share = None if deviation is None else (candidates["stage2"] / deviation).astype(np.float32)
        return candidates.with_columns({COLUMN: said(scores, share)})

    def scores(self, trigger: Rows, history: Rows, candidates: NDArray[np.uint64]) -> NDArray[np.float32]:
        """Return the network's scores of candidates [b, c], triggers and ways are rows."""
        (scores,) = self._model.run(self._vectors.inputs(trigger, history, self._vectors.rows(candidates)))
        return scores
