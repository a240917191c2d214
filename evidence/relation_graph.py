"""The prompt graph of an MP-Head: relations between the k most relevant tokens, and the messages they send."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

_LITTLE = 1e-6


class Top(NamedTuple):
    """The k tokens of T_k, in their order in the prompt; where a prompt has fewer, `real` is false."""

    places: Tensor  # (B, k) int64, positions in the prompt
    relevance: Tensor  # (B, k) float, c of equation 11
    real: Tensor  # (B, k) bool


def relevance(task: Tensor, entities: Tensor) -> Tensor:
    """Return c of equation 11, (B, n) in [-1, 1]: cosines of the projected task feature (d,) and entities (B, n, d)."""
    return functional.cosine_similarity(entities, task.expand_as(entities), dim=-1)


def top_tokens(relevance: Tensor, prompt: Tensor, k: int) -> Top:
    """Return T_k of equation 12: `relevance` is (B, n), `prompt` (B, n) bool says which tokens take part."""
    hidden = relevance.masked_fill(~prompt, -torch.inf)
    index = hidden.topk(min(k, hidden.shape[1]), dim=1).indices.sort(dim=1).values
    return Top(index, relevance.gather(1, index), prompt.gather(1, index))


def relations(top: Top) -> Tensor:
    """Return r of equation 12 among T_k, (B, k, k): max(0, cᵢ·cⱼ), 0 for tokens that are not real.

    All other entries of the n x n matrix are 0, so they are never made. A token is its own neighbour too:
    equation 12 leaves that out, but equation 15 relies on it.
    """
    weight = top.relevance * top.real
    return functional.relu(weight.unsqueeze(2) * weight.unsqueeze(1))


def messages(relations: Tensor, entities: Tensor, bias: Tensor) -> Tensor:
    """Return m of equation 13, (B, k, d), from relations (B, k, k), entities (B, k, d) and the bias (d,).

    The degree is the sum of a token's relations, as usual for weighted graphs: cosines are small at first, and a count
    of neighbours would make the messages as small.
    """
    degree = relations.sum(dim=2).clamp_min(_LITTLE)
    norm = degree.rsqrt()
    return (norm.unsqueeze(2) * relations * norm.unsqueeze(1)) @ entities + bias
