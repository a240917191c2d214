"""Task features z of equation 11: what fine-tuning learns, read out as one vector. They add no parameters."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SoftPrompt(nn.Module):
    """Learnt vectors before the prompt; z is their mean, (hidden,)."""

    def __init__(self, embedding: Tensor, length: int, seed: int = 0) -> None:
        """Start from the vectors of `length` tokens drawn from the embedding matrix (vocabulary, hidden)."""
        super().__init__()
        drawn = torch.randperm(len(embedding), generator=torch.Generator().manual_seed(seed))[:length]
        self.vectors = nn.Parameter(embedding[drawn].detach().clone().float())

    def forward(self) -> Tensor:
        """Return z."""
        return self.vectors.mean(0)

    def before(self, embeddings: Tensor) -> Tensor:
        """Return (B, length + n, hidden): the vectors, then the embeddings (B, n, hidden) of a prompt."""
        own = self.vectors.to(embeddings.dtype).expand(len(embeddings), -1, -1)
        return torch.cat([own, embeddings], dim=1)


class LoraFeature(nn.Module):
    """The readout of one low-rank adapter: z is the mean of A's rows, then of B's columns, (inputs + outputs,)."""

    def __init__(self, down: nn.Parameter, up: nn.Parameter) -> None:
        """Take A (rank, inputs) and B (outputs, rank)."""
        super().__init__()
        self._factors = (down, up)  # a tuple: the adapter owns them

    def forward(self) -> Tensor:
        """Return z."""
        down, up = self._factors
        return torch.cat([down.float().mean(0), up.float().mean(1)])
