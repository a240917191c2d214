"""The language-model judge: pairs of pages in, quality 0 to 4 out, and a reason for every pair without one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from corpus.files.pairs import TextPair, fault
from prompting.answer import Unanswered
from prompting.client import Client
from prompting.concurrent import Progress, ask_each, silent
from prompting.endpoint import Endpoint
from prompting.prompt import Prompt
from prompting.scores import expected_class, mean_of_judges

MISSING_CLASS = "scored though a class is missing: it holds less than 1 %"


@dataclass(frozen=True, slots=True)
class Judged:
    """What a judge said of pairs, one row a pair."""

    quality: NDArray[np.float32]  # 0 to 4, NaN where there is none
    reasons: list[str]  # why there is none, '' where there is one
    notes: dict[str, int]  # remarks on pairs that have a score, and on calls
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

    def judge(self, pairs: Sequence[TextPair], progress: Progress = silent) -> Judged:
        """Return the quality of each pair; a pair that comes twice is asked once. Nothing that fails is fatal."""
        answers = ask_each(self._endpoint, pairs, self._score, progress)
        quality, reasons, notes = np.full(len(pairs), np.nan, np.float32), [""] * len(pairs), Counter[str]()
        for row, said in enumerate(answers.said):
            if isinstance(said, Unanswered):
                reasons[row] = said.reason
            else:
                quality[row], incomplete = said
                notes[MISSING_CLASS] += incomplete
        notes.update(answers.remarks)
        return Judged(quality, reasons, +notes, answers.tokens, answers.from_cache)

    async def _score(self, client: Client, pair: TextPair) -> tuple[float, bool]:
        if reason := fault(pair):
            raise Unanswered(reason)
        prompt = self._prompt
        read = expected_class if prompt.logprobs else lambda answer: (mean_of_judges(answer), False)
        return await client.ask(prompt.fill(pair), prompt.logprobs, prompt.answer_tokens, read)
