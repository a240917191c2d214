"""An encoder that reads pairs of pages: each page alone in its lower layers, both at once in its top layers.

Below, a page's states are those that an encoder made for likeness gives to the page alone, so that few labels need not
teach likeness anew; two pages meet only above (DeFormer, Cao et al. 2020).
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from configs.reading import SettingsError
from text_model.base import hidden_states, splits


class PairEncoder(nn.Module):
    """The encoder with its `joint_layers` top layers reading both pages; all of them make the usual cross-encoder.

    One that is not BERT or its like reads both pages in all layers. Raises SettingsError where no layer is joint.
    """

    def __init__(self, base: PreTrainedModel, joint_layers: int) -> None:
        super().__init__()
        if joint_layers < 1:
            raise SettingsError(f"joint_layers is {joint_layers}: give 1 or more, or the two pages never meet")
        self.base = base
        self.by_layers = splits(base)  # whether `lower` and `upper` work
        #: How many of the lowest layers read each page alone.
        self.alone = max(0, base.config.num_hidden_layers - joint_layers) if self.by_layers else 0

    @property
    def width(self) -> int:
        """Numbers a state."""
        return int(self.base.config.hidden_size)

    def forward(self, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return three states a pair, (rows, 3, width): of the first token, of page 1 and of page 2.

        The last layer computes these three rows alone, 15 % less work than all: the first token asks both pages, the
        mean of a page's states asks that page.
        """
        if self.by_layers:
            states = self.lower(0, input_ids, token_type_ids, attention_mask)
            return self.upper(0, states, token_type_ids, attention_mask)
        states = hidden_states(self.base, input_ids, token_type_ids, attention_mask)
        return torch.cat([states[:, :1], _means(states, _pages(token_type_ids, attention_mask))], dim=1)

    def lower(self, layers: int, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the states above the lowest `layers`, (rows, length, width)."""
        if self.alone:
            places = _places(token_type_ids, attention_mask)
            states = self.base.embeddings(
                input_ids=input_ids, token_type_ids=torch.zeros_like(input_ids), position_ids=places
            )
        else:
            states = self.base.embeddings(input_ids=input_ids, token_type_ids=token_type_ids)
        return self._through(0, layers, states, token_type_ids, attention_mask)

    def upper(self, layers: int, states: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return what `forward` returns, from the states above the lowest `layers`."""
        last = self._layers()[-1]
        states = self._through(layers, len(self._layers()) - 1, states, token_type_ids, attention_mask)
        pages = _pages(token_type_ids, attention_mask)
        asking = torch.cat([states[:, :1], _means(states, pages)], dim=1)
        seen = torch.cat([attention_mask[:, None], pages], dim=1)
        return _rows(last, states, asking, _bias(seen), self.base.config.num_attention_heads)

    def freeze(self, layers: int) -> None:
        """Keep the embeddings and the lowest `layers` as they are; 0 keeps none. Raises SettingsError but for BERT."""
        if layers and not self.by_layers:
            kind = self.base.config.model_type
            raise SettingsError(f"frozen_layers is for BERT and its like, not {kind}: set it to 0")
        for part in (self.base.embeddings, *self._layers()[:layers]) if layers else ():
            part.requires_grad_(False)

    def _layers(self) -> list[nn.Module]:
        return list(self.base.encoder.layer)

    def _through(self, first: int, end: int, states: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> Tensor:
        both = _bias(attention_mask[:, None])
        pages = _pages(token_type_ids, attention_mask).float()
        alone = _bias(pages.transpose(1, 2) @ pages)
        for number, layer in enumerate(self._layers()[first:end], first):
            states = layer(states, alone if number < self.alone else both)
        return states


def _pages(token_type_ids: Tensor, attention_mask: Tensor) -> Tensor:
    """Return the tokens of page 1 and of page 2, (rows, 2, length) of 0 and 1."""
    second = token_type_ids * attention_mask
    return torch.stack([attention_mask - second, second], dim=1)


def _places(token_type_ids: Tensor, attention_mask: Tensor) -> Tensor:
    """Return each token's place in its page, (rows, length)."""
    length = attention_mask.shape[1]
    pages = _pages(token_type_ids, attention_mask)
    first = pages[:, :1].sum(-1)
    return torch.arange(length, device=attention_mask.device)[None] - pages[:, 1] * first


def _means(states: Tensor, seen: Tensor) -> Tensor:
    weights = seen.to(states.dtype)
    return (weights @ states) / weights.sum(-1, keepdim=True).clamp(min=1)


def _bias(seen: Tensor) -> Tensor:
    """Return what is added to attention logits, (rows, 1, asking or 1, length)."""
    return (1.0 - seen[:, None].float()) * torch.finfo(torch.float32).min / 2


def _rows(layer: nn.Module, states: Tensor, asking: Tensor, bias: Tensor, heads: int) -> Tensor:
    """Return a layer's output for the rows that ask, (rows, asking, width)."""
    attention = layer.attention.self
    rows, _, width = states.shape

    def split(projection: nn.Module, of: Tensor) -> Tensor:
        return cast(Tensor, projection(of).view(rows, -1, heads, width // heads).transpose(1, 2))

    query, key, value = split(attention.query, asking), split(attention.key, states), split(attention.value, states)
    weights = torch.softmax(query @ key.transpose(2, 3) / (width // heads) ** 0.5 + bias, dim=-1)
    context = (weights @ value).transpose(1, 2).reshape(rows, -1, width)
    attended = layer.attention.output(context, asking)
    return cast(Tensor, layer.output(layer.intermediate(attended), attended))
