"""A pair encoder over page vectors, for an encoder without attention: each page is read alone, the heads compare.

There is no layer that could read both pages, so what a cross-encoder adds to the encoder's cosine is what its heads
learn: which parts of two vectors matter to readers here. A page's state is one vector, 1 kB instead of MiniLM's 18.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from text_model.ngram_encoder import NgramEncoder


class VectorPairs(nn.Module):
    """Has the parts of `PairEncoder` that training and export use; the encoder counts as one layer."""

    def __init__(self, base: NgramEncoder) -> None:
        super().__init__()
        self.base = base
        self.layered = True
        self.page_layers = 1

    @property
    def width(self) -> int:
        """The width of a vector."""
        return self.base.config.hidden_size

    def forward(self, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return three vectors per pair, (rows, 3, width): of page 1, again of page 1 and of page 2."""
        states = self.lower(0, input_ids, token_type_ids, attention_mask)
        return self.upper(0, states, token_type_ids, attention_mask)

    def lower(self, layers: int, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return a state per token, (rows, length, width), whatever `layers` is."""
        return self.base.states(input_ids, attention_mask * (1 + token_type_ids))

    def page_states(self, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the one state of each page, (rows, 1, width)."""
        return self.lower(1, input_ids, token_type_ids, attention_mask).sum(1, keepdim=True)

    def upper(self, layers: int, states: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return what `forward` returns, from states, of which each page has one or one per token."""
        second = (token_type_ids * attention_mask).to(states.dtype)
        pages = torch.stack([attention_mask.to(states.dtype) - second, second], dim=1)
        vectors = functional.normalize(self.base.top(pages @ states), dim=-1)
        first = vectors[:, :1] * self.width**0.5  # of the size of a transformer's state
        return torch.cat([first, vectors], dim=1)

    def freeze(self, layers: int) -> None:
        """Freeze everything below the network that makes the vector; 0 freezes nothing."""
        for part in (self.base.branches, self.base.norm, self.base.project) if layers else ():
            cast(nn.Module, part).requires_grad_(False)
