"""The encoder families whose layers can be run one by one, and all that differs between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel


class EncoderLayers:
    """A BERT encoder's embeddings and layers; each other family overrides what it does differently."""

    absolute = True  # positions are part of the embeddings

    def __init__(self, base: PreTrainedModel) -> None:
        self.base = base
        self.heads = int(base.config.num_attention_heads)

    @property
    def all(self) -> list[nn.Module]:
        """The layers, lowest first."""
        return list(self.base.encoder.layer)

    @property
    def first_position(self) -> int:
        """The position of the first token."""
        return 0

    def embed(self, input_ids: Tensor, token_type_ids: Tensor, positions: Tensor) -> Tensor:
        """Return the embeddings, (rows, length, width); `positions` (rows, length) count from 0."""
        typed = self.base.config.type_vocab_size > 1  # XLM-R has one type
        embedded = self.base.embeddings(
            input_ids=input_ids,
            token_type_ids=token_type_ids if typed else torch.zeros_like(input_ids),
            position_ids=positions + self.first_position,
        )
        return cast(Tensor, embedded)

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


class RobertaLayers(EncoderLayers):
    """RoBERTa's and XLM-R's: BERT's layers, but positions begin after the padding's."""

    @property
    def first_position(self) -> int:
        """The position of the first token."""
        return int(self.base.embeddings.padding_idx) + 1


class MpnetLayers(RobertaLayers):
    """MPNet's: RoBERTa's positions, no token types, and a bias by the distance of two tokens."""

    absolute = False

    def embed(self, input_ids: Tensor, token_type_ids: Tensor, positions: Tensor) -> Tensor:
        """Return the embeddings; `token_type_ids` is not read."""
        return cast(Tensor, self.base.embeddings(input_ids=input_ids, position_ids=positions + self.first_position))

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


#: By the `model_type` of `transformers`.
FAMILIES: Mapping[str, type[EncoderLayers]] = {
    "bert": EncoderLayers,
    "roberta": RobertaLayers,
    "xlm-roberta": RobertaLayers,
    "camembert": RobertaLayers,
    "mpnet": MpnetLayers,
}


def layers_of(base: PreTrainedModel) -> EncoderLayers | None:
    """Return the encoder's layers; None if its family is not one of FAMILIES."""
    family = FAMILIES.get(base.config.model_type)
    return None if family is None else family(base)
