"""Several prompts with their candidates as one batch of a model, padded on the right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from evidence.prompt_tokens import PROMPT, Sequenced

_PADDING = -2  # the branch of tokens that nothing reads


class SideBySide(NamedTuple):
    """B prompts and their candidates, T tokens each with padding; A tokens and C candidates in all."""

    ids: Tensor  # (B, T) int64
    position: Tensor  # (B, T) int64
    branch: Tensor  # (B, T) int64: PROMPT, the candidate, or padding
    wanted: Tensor  # (A,) int64: the candidates' tokens
    before: Tensor  # (A,) int64: the place of the token before each, in B·T
    candidate: Tensor  # (A,) int64: of all C

    @property
    def prompt(self) -> Tensor:
        """(B, T) bool."""
        return self.branch == PROMPT

    def mask(self) -> Tensor:
        """Return which token attends to which, (B, 1, T, T) bool."""
        own = self.branch.unsqueeze(2) == self.branch.unsqueeze(1)
        length = self.ids.shape[1]
        causal = torch.ones(length, length, dtype=torch.bool, device=self.ids.device).tril()
        return ((own | self.prompt.unsqueeze(1)) & causal).unsqueeze(1)


def side_by_side(sequences: Sequence[Sequenced], device: torch.device) -> SideBySide:
    """Return the batch of `sequences`, on `device`."""
    ids = pad_sequence([each.ids for each in sequences], batch_first=True)
    position = pad_sequence([each.position for each in sequences], batch_first=True)
    branch = pad_sequence([each.branch for each in sequences], batch_first=True, padding_value=_PADDING)
    before, candidate, made = [], [], 0
    for row, each in enumerate(sequences):
        own = each.branch[~each.prompt]
        before.append(each.before + row * ids.shape[1])
        candidate.append(own + made)
        made += int(own.max()) + 1
    wanted = torch.cat([each.ids[~each.prompt] for each in sequences])
    columns = (ids, position, branch, wanted, torch.cat(before), torch.cat(candidate))
    return SideBySide(*(column.to(device) for column in columns))
