"""The cross-encoder online: one batch of pairs, two scores per pair."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from cascade.types import Candidates, Query, Trigger
from ranking.cross_encoder.pairs import PairModel, Scores


class CrossEncoderHeads:
    """Adds `click` (logit) and `quality` (expected class, 0 to 4) to every candidate, from token ids alone."""

    name = "cross_encoder"

    def __init__(self, model: PairModel, native: Executor, kept_pairs: int = 0) -> None:
        """Cache the scores of the `kept_pairs` most recently used pairs of known pages."""
        self._kept: LRUCache[tuple[int, int], tuple[float, float]] = LRUCache(kept_pairs)
        self._model = model
        self._native = native

    def waiting(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        """Return a mask of the pairs whose scores are not cached."""
        if query.trigger is None or not query.trigger.known:
            return np.ones(len(candidates), np.bool_)
        return np.array([(query.page, page) not in self._kept for page in candidates.pages.tolist()], np.bool_)

    async def hydrate(self, query: Query, candidates: Candidates) -> Candidates:
        """Return the candidates with columns `click` and `quality`, float32."""
        if query.trigger is None:
            raise ValueError("the cross-encoder needs the query's trigger")
        click, quality = (np.full(len(candidates), np.nan, np.float32) for _ in range(2))
        if query.trigger.known:  # an unknown page's text comes from the caller: the next one may send another
            for row, page in enumerate(candidates.pages.tolist()):
                if (kept := self._kept.get((query.page, page))) is not None:
                    click[row], quality[row] = kept
        rows = np.flatnonzero(np.isnan(click))
        if len(rows):
            token_ids, tokens = candidates["token_ids"][rows], candidates["tokens"][rows]
            click[rows], quality[rows] = await self._scores(query.trigger, token_ids, tokens)
            if query.trigger.known:
                self._keep(query.page, candidates.pages[rows], click[rows], quality[rows])
        return candidates.with_columns({"click": click, "quality": quality})

    async def _scores(self, trigger: Trigger, token_ids: NDArray[np.uint32], tokens: NDArray[np.uint16]) -> Scores:
        second = [row[:count] for row, count in zip(token_ids, tokens.tolist(), strict=True)]
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._native, self._model.run, [trigger.tokens], second)

    def _keep(self, page: int, others: NDArray[np.uint64], *scores: NDArray[np.float32]) -> None:
        if self._kept.maxsize:
            keys = [(page, other) for other in others.tolist()]
            self._kept.update(zip(keys, zip(*(score.tolist() for score in scores), strict=True), strict=True))
