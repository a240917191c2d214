"""The language-model judge: returns quality 0 to 4 for page pairs, and a reason for every pair without a score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from corpus.files.pairs import TextPair, fault
from prompting.answer import Unanswered
from prompting.client import Client
from prompting.concurrent_calls import Progress, ask_each, silent
from prompting.endpoint import Endpoint
from prompting.judge_prompt import Prompt
from prompting.parse_scores import expected_class, mean_of_judges

MISSING_CLASS = "scored although the log-probabilities of a class (at most 1 %) are missing"


@dataclass(frozen=True, slots=True)
class Judged:
    """A judge's scores of pairs, one row per pair."""

    quality: NDArray[np.float32]  # 0 to 4, NaN if there is no score
    reasons: list[str]  # why there is no score, '' if there is one
    notes: dict[str, int]  # remark on scored pairs or on calls -> count
    tokens: int = 0  # spent in this run
    from_cache: int = 0  # answers read from the cache
    asked: int = 0  # pairs sent to the endpoint
    seconds: float = 0.0  # from the first question to the last answer

    def unscored(self) -> dict[str, int]:
        """Return the number of pairs without a score by reason, most common first."""
        return dict(Counter(reason for reason in self.reasons if reason).most_common())

    def cost(self) -> dict[str, float]:
        """Return pairs asked, and tokens and seconds per pair asked; nothing if all answers came from the cache."""
        if not self.asked:
            return {}
        return {"asked": self.asked, "tokens": self.tokens / self.asked, "seconds": self.seconds / self.asked}


class LlmJudge:
    """Judges pairs with one prompt on one endpoint."""

    def __init__(self, endpoint: Endpoint, prompt: Prompt) -> None:
        self._endpoint = endpoint
        self._prompt = prompt

    def judge(self, pairs: Sequence[TextPair], progress: Progress = silent) -> Judged:
        """Return the quality of each pair; repeated pairs are asked once, and failures are not fatal."""
        answers = ask_each(self._endpoint, pairs, self._score, progress)
        quality, reasons, notes = np.full(len(pairs), np.nan, np.float32), [""] * len(pairs), Counter[str]()
        for row, result in enumerate(answers.results):
            if isinstance(result, Unanswered):
                reasons[row] = result.reason
            else:
                quality[row], incomplete = result
                notes[MISSING_CLASS] += incomplete
        notes.update(answers.remarks)
        return Judged(quality, reasons, +notes, answers.tokens, answers.from_cache, answers.asked, answers.seconds)

    async def _score(self, client: Client, pair: TextPair) -> tuple[float, bool]:
        if reason := fault(pair):
            raise Unanswered(reason)
        prompt = self._prompt
        read = expected_class if prompt.logprobs else lambda answer: (mean_of_judges(answer), False)
        return await client.ask(prompt.fill(pair), prompt.logprobs, prompt.answer_tokens, read, prompt.schema)
