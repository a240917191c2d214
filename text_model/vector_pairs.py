"""A pair encoder over page vectors, for a base whose layers cannot read two pages: each is read alone, heads compare.

What such a cross-encoder adds to the cosine is what its heads learn: which parts of two vectors matter here. The base
stays as it is, so training reads the vectors that the build has, and a page's state is its vector: 2 kB instead of 18.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from text_model.base import embedded
from text_model.joined_encoder import JoinedEncoder


class VectorPairs(nn.Module):
    """Has the parts of `PairEncoder` that training and export use; the whole base counts as one layer."""

    def __init__(self, base: JoinedEncoder) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.layered = False
        self.single = False
        self.page_layers = 1

    @property
    def width(self) -> int:
        """The width of a vector."""
        return self.base.config.hidden_size

    def page_states(self, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor, *pieces: Tensor) -> Tensor:
        """Return the one state of each page, its vector, (rows, 1, width)."""
        return embedded(self.base, input_ids, token_type_ids, attention_mask, *pieces).unsqueeze(1)

    def upper(self, layers: int, states: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return three vectors per pair, (rows, 3, width): of page 1, again of page 1, and of page 2.

        `states` are both pages' vectors, (rows, length, width), of which the masks name those of each page.
        """
        second = (token_type_ids * attention_mask).to(states.dtype)
        vectors = torch.stack([attention_mask.to(states.dtype) - second, second], dim=1) @ states
        first = vectors[:, :1] * self.width**0.5  # of the size of a transformer's state
        return torch.cat([first, vectors], dim=1)

    def joint(self, states1: Tensor, mask1: Tensor, states2: Tensor, mask2: Tensor) -> Tensor:
        """Return what `upper` returns, from both pages' states; all pairs may share page 1."""
        page1, page2 = states1[:, 0].expand(states2.shape[0], -1), states2[:, 0]
        return torch.stack([page1 * self.width**0.5, page1, page2], dim=1)

    def freeze(self, layers: int) -> None:
        """Do nothing: the base is frozen."""
