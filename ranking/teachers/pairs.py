"""Both teachers as scorers of pairs, without torch: answers that are made before they are asked for can afford them."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from cascade.executor import Cascade
from cascade.types import Candidates, Query
from ranking.blend import Scale
from ranking.cross_encoder.pairs import Scores
from store.page_row import read_text
from store.tables import Table
from text_model.session import OnnxModel
from text_model.tokens import PageTokenizer, pair_inputs

CLICK, QUALITY, TOKENIZER, READING = "click.onnx", "quality.onnx", "tokenizer.json", "reading.json"


class Reading(BaseModel):
    """How the teachers read pages, and the scale of their click logits, which a pairwise loss does not fix."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tokens_per_page: int
    joint: bool  # whether all layers read both pages; see `pair_inputs`
    click: Scale  # over the pool from which the student learnt: its click head has mean 0 and deviation 1 there


class TeacherHeads:
    """Adds the student's columns, `click` and `quality`, as the teachers score them, to known pages of a known page."""

    name = "cross_encoder"

    def __init__(self, directory: Path, pages: Table, native: Executor, threads: int | None = None) -> None:
        """Open the teachers in a directory; each run of theirs uses `threads`."""
        self._reading = Reading.model_validate_json((directory / READING).read_bytes())
        self._tokenizer = PageTokenizer(directory / TOKENIZER, self._reading.tokens_per_page)
        self._click, self._quality = (OnnxModel(directory / name, threads) for name in (CLICK, QUALITY))
        self._pages, self._native = pages, native

    def waiting(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        """Return True for every pair: none is kept, since each page is ranked once."""
        return np.ones(len(candidates), np.bool_)

    async def hydrate(self, query: Query, candidates: Candidates) -> Candidates:
        """Return the candidates with columns `click` (standardized logit) and `quality` (0 to 4), float32."""
        (row,) = await self._pages.get_many(np.array([query.page], np.uint64))
        if row is None:
            raise ValueError("the teachers score known pages alone")
        loop = asyncio.get_running_loop()
        click, quality = await loop.run_in_executor(self._native, self._scores, [row, *candidates["row"]])
        return candidates.with_columns({"click": click, "quality": quality})

    def _scores(self, rows: list[bytes]) -> Scores:
        """Return both scores of the first row's page with each other one, read by the teachers' own tokenizer."""
        texts = [read_text(row) for row in rows]
        columns = ([getattr(text, name) for text in texts] for name in ("url", "title", "snippet"))
        (first, *others), _ = self._tokenizer.encode(*columns)
        inputs = pair_inputs([first] * len(others), others, self._tokenizer.marks, joint=self._reading.joint)
        click, quality = (expected_class(model.run(inputs)[0]) for model in (self._click, self._quality))
        return self._reading.click.z(click), quality


def scored_by(heads: TeacherHeads, cascade: Cascade) -> Cascade:
    """Return the cascade with the teachers in the student's place."""
    stages = [stage if stage.anytime is None else replace(stage, anytime=heads) for stage in cascade.stages]
    return replace(cascade, stages=tuple(stages))


def expected_class(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean class under the softmax of (rows, classes) logits; a single logit is returned unchanged."""
    if logits.shape[1] == 1:
        return logits[:, 0]
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds @ np.arange(logits.shape[1]) / odds.sum(axis=1), np.float32)
