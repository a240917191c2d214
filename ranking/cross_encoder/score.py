"""The cross-encoder online: one batch of pairs, two numbers a pair."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

import numpy as np
from numpy.typing import NDArray

from cascade.types import Candidates, Query
from text_model.session import OnnxModel
from text_model.tokens import pair_inputs


class CrossEncoderHeads:
    """Adds `click` (logit) and `quality` (expected class, 0 to 4) to every candidate, from token ids alone."""

    name = "cross_encoder"

    def __init__(self, model: OnnxModel, cls: int, sep: int, native: Executor) -> None:
        self._model = model
        self._cls = cls
        self._sep = sep
        self._native = native

    async def hydrate(self, query: Query, candidates: Candidates) -> Candidates:
        """Return the candidates with columns `click` and `quality`, float32."""
        if query.trigger is None:
            raise ValueError("the cross-encoder needs the query's trigger")
        tokens = candidates["token_ids"]
        second = [row[:count] for row, count in zip(tokens, candidates["tokens"].tolist(), strict=True)]
        first = [query.trigger.tokens] * len(second)
        loop = asyncio.get_running_loop()
        click, quality = await loop.run_in_executor(self._native, self.scores, first, second)
        return candidates.with_columns({"click": click, "quality": quality})

    def scores(
        self, first: list[NDArray[np.uint32]], second: list[NDArray[np.uint32]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return click and quality of each pair of token sequences."""
        if not second:
            return np.empty(0, np.float32), np.empty(0, np.float32)
        click, quality = self._model.run(pair_inputs(first, second, self._cls, self._sep))
        return click, quality
