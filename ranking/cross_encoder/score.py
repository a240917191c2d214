"""The cross-encoder online: one batch of pairs, two numbers a pair."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

import numpy as np

from cascade.types import Candidates, Query
from ranking.cross_encoder.pairs import PairModel


class CrossEncoderHeads:
    """Adds `click` (logit) and `quality` (expected class, 0 to 4) to every candidate, from token ids alone."""

    name = "cross_encoder"

    def __init__(self, model: PairModel, native: Executor) -> None:
        self._model = model
        self._native = native

    async def hydrate(self, query: Query, candidates: Candidates) -> Candidates:
        """Return the candidates with columns `click` and `quality`, float32."""
        if query.trigger is None:
            raise ValueError("the cross-encoder needs the query's trigger")
        tokens = candidates["token_ids"]
        second = [row[:count] for row, count in zip(tokens, candidates["tokens"].tolist(), strict=True)]
        if not second:
            return candidates.with_columns(dict.fromkeys(("click", "quality"), np.empty(0, np.float32)))
        loop = asyncio.get_running_loop()
        click, quality = await loop.run_in_executor(self._native, self._model.run, [query.trigger.tokens], second)
        return candidates.with_columns({"click": click, "quality": quality})
