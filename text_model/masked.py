"""Masked language modelling (BERT, Devlin et al. 2019): texts with hidden tokens, and the head that guesses them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from text_model.distributed import world
from text_model.tokens import Marks, single_inputs
from text_model.training import Batch

IGNORED = -100  # a target that does not count, as in torch's cross-entropy
_MASKED, _RANDOM = 0.8, 0.1  # of the chosen tokens: replaced by the mask, by any token; the others stay


@dataclass(frozen=True, slots=True)
class MaskedTexts:
    """Texts as token ids, of which a step reads a piece each."""

    ids: Sequence[NDArray[np.uint32]]  # without special tokens, none of them empty
    marks: Marks
    mask: int
    vocabulary: int

    def batch(self, count: int, tokens: int, share: float, seed: int, step: int) -> Batch:
        """Return this process's part of a step's `count` pieces of at most `tokens`, and `targets` (rows, length).

        A `share` of the tokens is to be guessed; all other targets are IGNORED.
        """
        generator = np.random.default_rng((seed, step))
        pieces = [self._piece(generator, tokens) for _ in range(count)]
        batch = single_inputs(pieces, self.marks)
        ids, inside = batch["input_ids"], np.zeros(batch["input_ids"].shape, bool)
        for row, piece in enumerate(pieces):
            inside[row, 1 : len(piece) + 1] = True
        chosen = inside & (generator.random(ids.shape) < share)
        targets = np.where(chosen, ids, IGNORED)
        kind = generator.random(ids.shape)
        other = generator.integers(0, self.vocabulary, ids.shape)
        hidden = np.where(kind < _MASKED, self.mask, np.where(kind < _MASKED + _RANDOM, other, ids))
        mine = world().share(count)
        batch |= {"input_ids": np.where(chosen, hidden, ids), "targets": targets}
        return {name: torch.from_numpy(value[mine]) for name, value in batch.items()}

    def _piece(self, generator: np.random.Generator, tokens: int) -> NDArray[np.uint32]:
        text = self.ids[int(generator.integers(len(self.ids)))]
        start = int(generator.integers(max(1, len(text) - tokens + 1)))
        return text[start : start + tokens]


class MaskedHead(nn.Module):
    """Guesses hidden tokens; its last layer is the encoder's own table of words."""

    def __init__(self, width: int, vocabulary: int) -> None:
        super().__init__()
        self.transform = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width))
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, states: Tensor, words: Tensor) -> Tensor:
        """Return logits (rows, vocabulary) of states (rows, width), with `words` (vocabulary, width)."""
        return functional.linear(self.transform(states), words, self.bias)


def masked_loss(head: MaskedHead, states: Tensor, words: Tensor, targets: Tensor) -> Tensor:
    """Return the mean cross-entropy of the hidden tokens, 0 if a batch hides none; states are (rows, length, width)."""
    asked = targets != IGNORED
    if not asked.any():
        return states.sum() * 0
    return functional.cross_entropy(head(states[asked], words), targets[asked])
