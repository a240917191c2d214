"""The adapter: a mixture of experts that moves text embeddings to where readers' behaviour puts them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Adapter(nn.Module):
    """A mixture of experts (TRAWL, section 3.3): a softmax gate over small MLPs, added to the embeddings' axes.

    The experts' last layer starts at 0, so an untrained adapter is the projection to the principal axes.
    Shapes: n pages, width w of the input, K experts of width h, dimension d of the output.
    """

    def __init__(self, axes: Tensor, experts: int, hidden: int, dropout: float) -> None:
        """Take the principal axes of the embeddings, (d, w)."""
        super().__init__()
        dimension, width = axes.shape
        self.projection = nn.Linear(width, dimension, bias=False)
        self.projection.weight.data.copy_(axes)
        self.gate = nn.Linear(width, experts)
        self.inner = nn.Linear(width, experts * hidden)  # the first layers of all experts, side by side
        self.outer = nn.Parameter(torch.zeros(experts, hidden, dimension))
        self.dropout = nn.Dropout(dropout)
        self.shape = (experts, hidden)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Return unit vectors (n, d) of embeddings (n, w)."""
        gate = functional.softmax(self.gate(embeddings), dim=-1)  # (n, K)
        hidden = self.dropout(functional.gelu(self.inner(embeddings))).unflatten(-1, self.shape)  # (n, K, h)
        gated = (hidden * gate.unsqueeze(-1)).flatten(-2)  # (n, K·h): the gate's weight of each expert
        moved = gated @ self.outer.flatten(0, 1)  # (n, d)
        return functional.normalize(self.projection(embeddings) + moved, dim=-1)
