"""The encoder families whose layers can be run one by one: BERT's, and MPNet's with its relative positions."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

FAMILIES = ("bert", "mpnet")


class EncoderLayers:
    """A BERT encoder's embeddings and layers."""

    def __init__(self, base: PreTrainedModel) -> None:
        self.base = base
        self.heads = int(base.config.num_attention_heads)

    @property
    def all(self) -> list[nn.Module]:
        """The layers, lowest first."""
        return list(self.base.encoder.layer)

    def embed(self, input_ids: Tensor, token_type_ids: Tensor, positions: Tensor | None) -> Tensor:
        """Return the embeddings, (rows, length, width); `positions` (rows, length) count from 0."""
        return cast(
            Tensor, self.base.embeddings(input_ids=input_ids, token_type_ids=token_type_ids, position_ids=positions)
        )

    def relative(self, states: Tensor) -> Tensor | None:
        """Return what relative positions add to attention logits, (1, heads, length, length); None for BERT."""
        return None

    def run(self, layer: nn.Module, states: Tensor, bias: Tensor) -> Tensor:
        """Return a layer's output."""
        return cast(Tensor, layer(states, bias))

    def rows(self, layer: nn.Module, states: Tensor, queries: Tensor, bias: Tensor) -> Tensor:
        """Return a layer's output for the query rows only, (rows, queries, width)."""
        part = layer.attention.self
        context = self._attend(part.query(queries), part.key(states), part.value(states), bias)
        attended = layer.attention.output(context, queries)
        return cast(Tensor, layer.output(layer.intermediate(attended), attended))

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        rows, _, width = key.shape
        size = width // self.heads
        query, key, value = (of.view(rows, -1, self.heads, size).transpose(1, 2) for of in (query, key, value))
        weights = torch.softmax(query @ key.transpose(2, 3) / size**0.5 + bias, dim=-1)
        return (weights @ value).transpose(1, 2).reshape(rows, -1, width)


class MpnetLayers(EncoderLayers):
    """MPNet's: no token types, positions after the padding's, and a bias by the distance of two tokens."""

    def embed(self, input_ids: Tensor, token_type_ids: Tensor, positions: Tensor | None) -> Tensor:
        """Return the embeddings; `token_type_ids` is not read."""
        if positions is None:
            positions = torch.arange(input_ids.shape[1], device=input_ids.device)[None].expand_as(input_ids)
        first = self.base.embeddings.padding_idx + 1
        return cast(Tensor, self.base.embeddings(input_ids=input_ids, position_ids=positions + first))

    def relative(self, states: Tensor) -> Tensor | None:
        """Return the bias of each head for each two places."""
        return cast(Tensor, self.base.encoder.compute_position_bias(states[:1]))

    def run(self, layer: nn.Module, states: Tensor, bias: Tensor) -> Tensor:
        """Return a layer's output."""
        found = layer(states, bias)
        return found if isinstance(found, Tensor) else cast(Tensor, found[0])  # by the version of transformers

    def rows(self, layer: nn.Module, states: Tensor, queries: Tensor, bias: Tensor) -> Tensor:
        """Return a layer's output for the query rows only."""
        part = layer.attention.attn
        context = part.o(self._attend(part.q(queries), part.k(states), part.v(states), bias))
        attended = layer.attention.LayerNorm(context + queries)
        return cast(Tensor, layer.output(layer.intermediate(attended), attended))


def layers_of(base: PreTrainedModel) -> EncoderLayers | None:
    """Return the encoder's layers; None if its family is not one of FAMILIES."""
    kind = base.config.model_type
    return None if kind not in FAMILIES else MpnetLayers(base) if kind == "mpnet" else EncoderLayers(base)
