"""The language-model judge: pairs of pages in, quality 0 to 4 out, and a reason for every pair without one."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from corpus.pairs import TextPair, fault
from prompting.answer import Unscored
from prompting.cache import AnswerCache
from prompting.client import Client
from prompting.endpoint import Endpoint
from prompting.prompt import Prompt
from prompting.scores import expected_class, mean_of_judges

#: Called after each pair with the pairs done and the tokens spent so far.
Progress = Callable[[int, int], None]
MISSING_CLASS = "scored though a class is missing: it holds less than 1 %"


@dataclass(frozen=True, slots=True)
class Judged:
    """What a judge said of pairs, one row a pair."""

    quality: NDArray[np.float32]  # 0 to 4, NaN where there is none
    reasons: list[str]  # why there is none, '' where there is one
    notes: dict[str, int]  # remarks on pairs that have a score
    tokens: int = 0  # paid for in this run
    from_cache: int = 0  # answers that were not

    def unscored(self) -> dict[str, int]:
        """Return how many pairs have no score, by reason, the commonest first."""
        return dict(Counter(reason for reason in self.reasons if reason).most_common())


class LlmJudge:
    """Judges pairs with one prompt at one endpoint."""

    def __init__(self, endpoint: Endpoint, prompt: Prompt) -> None:
        self._endpoint = endpoint
        self._prompt = prompt

    def judge(self, pairs: Sequence[TextPair], progress: Progress = lambda pairs, tokens: None) -> Judged:
        """Return the quality of each pair; a pair that comes twice is asked once. Nothing that fails is fatal."""
        cache = AnswerCache(self._endpoint.cache)
        try:
            return asyncio.run(self._judge(pairs, cache, progress))
        finally:
            cache.close()

    async def _judge(self, pairs: Sequence[TextPair], cache: AnswerCache, progress: Progress) -> Judged:
        quality = np.full(len(pairs), np.nan, np.float32)
        reasons, notes, done = [""] * len(pairs), Counter[str](), 0
        rows: dict[TextPair, list[int]] = {}
        for row, pair in enumerate(pairs):
            rows.setdefault(pair, []).append(row)

        async def work(client: Client, todo: Iterator[tuple[TextPair, list[int]]]) -> None:
            nonlocal done
            for pair, same in todo:  # the workers share one iterator: each pair is taken once
                try:
                    quality[same], incomplete = await self._score(client, pair)
                    notes[MISSING_CLASS] += incomplete
                except Unscored as unscored:
                    for row in same:
                        reasons[row] = unscored.reason
                done += len(same)
                progress(done, client.spending.spent)

        todo = iter(rows.items())
        async with Client(self._endpoint, cache) as client, asyncio.TaskGroup() as workers:
            for _ in range(min(self._endpoint.concurrency, len(rows))):
                workers.create_task(work(client, todo))
        return Judged(quality, reasons, +notes, client.spending.spent, client.from_cache)

    async def _score(self, client: Client, pair: TextPair) -> tuple[float, bool]:
        if reason := fault(pair):
            raise Unscored(reason)
        prompt = self._prompt
        answer = await client.ask(prompt.fill(pair), prompt.logprobs, prompt.answer_tokens)
        return expected_class(answer) if prompt.logprobs else (mean_of_judges(answer), False)
