"""Tokens of a recommendation prompt with evidence, and of the candidates that may follow it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from evidence.passages import Passage

LONGEST_TITLE = 10  # tokens
LONGEST_PASSAGE = 18
PROMPT = -1  # the branch of a prompt's tokens


@dataclass(frozen=True, slots=True)
class Wording:
    """The sentences of a prompt, and how many tokens are kept of each part."""

    start: str
    passages: str
    candidates: str
    ask: str
    item: int  # tokens of an item of the history
    passage: int
    title: int  # tokens of a candidate


BOUGHT = Wording(
    "A user has bought:", "\nWeb pages:", "\nThe user chooses from:", "\nThis user will buy next:\n-",
    item=LONGEST_TITLE, passage=LONGEST_PASSAGE, title=LONGEST_TITLE,
)  # fmt: skip

READS = Wording(
    "A reader is on this web page:", "\nWeb pages on its subject:", "\nThe reader chooses from:",
    "\nThe web page that this reader opens next:\n-",
    item=48, passage=32, title=24,
)  # fmt: skip


class Sequenced(NamedTuple):
    """A prompt and its candidates side by side: each candidate follows the prompt and sees no other candidate."""

    ids: Tensor  # (T,) int64: the prompt, then all candidates
    position: Tensor  # (T,) int64: candidates all begin where the prompt ends
    branch: Tensor  # (T,) int64: PROMPT, else the candidate
    before: Tensor  # (A,) int64: for each token of a candidate the place of the one before it

    @property
    def prompt(self) -> Tensor:
        """(T,) bool."""
        return self.branch == PROMPT


class PromptTokens:
    """Turns histories, passages and candidates into tokens; each part is cut to what its wording says."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, wording: Wording = BOUGHT) -> None:
        self._tokenizer, self._wording = tokenizer, wording
        texts = (wording.start, wording.passages, wording.candidates, wording.ask)
        self._start, self._list, self._choice, self.ask = (self._ids(text) for text in texts)
        self._item = self._ids("\n-")

    def sequence(
        self, history: Sequence[str], passages: Sequence[Passage], candidates: Sequence[str], listed: Sequence[str] = ()
    ) -> Sequenced:
        """Return the prompt, oldest item first, with its candidates; those `listed` are in the prompt too."""
        prompt = [*self._start] if history else []
        for title in history:
            prompt += self._ids(f"\n- {title}")[: self._wording.item + 2]
        if passages:
            prompt += self._list
        for number, passage in enumerate(passages, 1):
            prompt += self._ids(f"\n[{number}] {passage.text}")[: self._wording.passage + 3]
        if listed:
            prompt += self._choice
        for title in listed:
            prompt += [*self._item, *self.title(title)]
        prompt += self.ask
        return sequenced(prompt, [self.title(text) for text in candidates])

    def title(self, text: str) -> list[int]:
        """Return the tokens of a candidate, at least one."""
        return self._ids(f" {text}")[: self._wording.title] or [self._tokenizer.eos_token_id]

    def count(self, text: str) -> int:
        """Return how many tokens of a passage a prompt takes."""
        return min(len(self._ids(text)), self._wording.passage)

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])


def sequenced(prompt: Sequence[int], candidates: Sequence[Sequence[int]]) -> Sequenced:
    """Put candidates beside each other after a prompt."""
    ids, position, branch = list(prompt), list(range(len(prompt))), [PROMPT] * len(prompt)
    before: list[int] = []
    for number, own in enumerate(candidates):
        first = len(ids)
        before += [len(prompt) - 1, *range(first, first + len(own) - 1)]
        ids += own
        position += range(len(prompt), len(prompt) + len(own))
        branch += [number] * len(own)
    return Sequenced(*(torch.tensor(column) for column in (ids, position, branch, before)))
