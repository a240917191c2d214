"""An encoder that reads pairs of pages: separately in its lower layers, together in its top layers.

The lower layers compute the same states as a similarity encoder that reads one page, so that a few labels need not
teach similarity again; the pages attend to each other only in the top layers (DeFormer, Cao et al. 2020).
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from configs.reading import SettingsError
from text_model.base import Encoder, hidden_states, is_bert_like
from text_model.joined_encoder import JoinedEncoder
from text_model.layers import EncoderLayers, layers_of
from text_model.single_joint_layer import first_rows, own_rows
from text_model.vector_pairs import VectorPairs


class PairEncoder(nn.Module):
    """An encoder whose top `joint_layers` read both pages; if all layers do, it is the usual cross-encoder.

    An encoder that is not BERT-like reads both pages in all layers. Raises SettingsError if no layer can be joint.
    """

    def __init__(self, base: Encoder, joint_layers: int) -> None:
        super().__init__()
        if isinstance(base, JoinedEncoder):
            raise SettingsError(
                "the multilingual base has no layer that reads two pages: give minilm, a path or a name"
            )
        if joint_layers < 1:
            raise SettingsError(f"joint_layers is {joint_layers}: give 1 or more, so that some layer reads both pages")
        self.base = base
        self.layered = is_bert_like(base)  # `lower` and `upper` can be used
        #: How many of the lowest layers read each page separately.
        self.page_layers = max(0, base.config.num_hidden_layers - joint_layers) if self.layered else 0

    @property
    def width(self) -> int:
        """The width of a state."""
        return int(self.base.config.hidden_size)

    @property
    def single(self) -> bool:
        """Whether one layer reads both pages, without relative positions: see `single_joint_layer`."""
        return self.page_layers == self.base.config.num_hidden_layers - 1 and self._family().absolute

    @property
    def words(self) -> int:
        """How many tokens the vocabulary has."""
        return int(self.base.get_input_embeddings().num_embeddings)

    def save(self, directory: Path) -> None:
        """Write the encoder, which `load_encoder` loads; its tokenizer is not written."""
        self.base.to(torch.device("cpu")).save_pretrained(directory)

    def forward(self, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return three states per pair, (rows, 3, width): of the first token, of page 1 and of page 2.

        The last layer computes only these three rows, which saves 15 % of the work: the first token attends to both
        pages, the mean of a page's states to that page.
        """
        if self.layered:
            states = self.lower(0, input_ids, token_type_ids, attention_mask)
            return self.upper(0, states, token_type_ids, attention_mask)
        states = hidden_states(self.base, input_ids, token_type_ids, attention_mask)
        return torch.cat([states[:, :1], _means(states, _pages(token_type_ids, attention_mask))], dim=1)

    def lower(self, layers: int, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the states above the lowest `layers`, (rows, length, width)."""
        none = torch.zeros_like(input_ids)
        apart, types = (token_type_ids, none) if self.page_layers else (none, token_type_ids)
        states = self._family().embed(input_ids, types, _positions(apart, attention_mask))
        return self._through(0, layers, states, token_type_ids, attention_mask)

    def page_states(self, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the states of pages that are read alone, (rows, length, width).

        With a `single` joint layer, the page's own row of that layer comes before them, (rows, 1 + length, width).
        """
        states = self.lower(self.page_layers, input_ids, token_type_ids, attention_mask)
        if not self.single:
            return states
        return torch.cat([own_rows(*self._last(), (states, attention_mask))[:, None], states], dim=1)

    def upper(self, layers: int, states: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return what `forward` returns, from the states above the lowest `layers`."""
        family = self._family()
        states = self._through(layers, len(family.all) - 1, states, token_type_ids, attention_mask)
        pages = _pages(token_type_ids, attention_mask)
        queries = torch.cat([states[:, :1], _means(states, pages)], dim=1)
        bias = _bias(torch.cat([attention_mask[:, None], pages], dim=1))
        if (relative := family.relative(states)) is not None:
            own = relative.expand(states.shape[0], -1, -1, -1)
            bias = bias + torch.cat([own[:, :, :1], _means(own, pages[:, None])], dim=2)
        return family.rows(family.all[-1], states, queries, bias)

    def joint(
        self, states1: Tensor, mask1: Tensor, states2: Tensor, mask2: Tensor, columns: Tensor | None = None
    ) -> Tensor:
        """Return what `forward` returns, from both pages' `page_states` and their masks; all pairs may share page 1.

        `columns`, (4, width), are means and deviations of own rows' columns and of tokens' states', where a `single`
        joint layer reads states that are standardized by them.
        """
        rows = states2.shape[0]
        if self.single:
            own1, own2, token = states1[:, 0], states2[:, 0], states1[:, 1]
            if columns is not None:
                own_mean, own_deviation, mean, deviation = columns
                own1, own2 = (own * own_deviation + own_mean for own in (own1, own2))
                token = token * deviation + mean
            # Own rows are masked: leaving them out would copy all states.
            page1, page2 = ((states1, _without_own(mask1)), (states2, _without_own(mask2)))
            first = first_rows(*self._last(), token, page1, page2, None if columns is None else columns[2:].unbind())
            return torch.stack([first, own1.expand(rows, -1), own2], dim=1)
        first_mask = mask1.expand(rows, -1)
        states = torch.cat([states1.expand(rows, -1, -1), states2], dim=1)
        second = torch.cat([torch.zeros_like(first_mask), mask2], dim=1)
        return self.upper(self.page_layers, states, second, torch.cat([first_mask, mask2], dim=1))

    def freeze(self, layers: int) -> None:
        """Freeze the embeddings and the lowest `layers`; 0 freezes nothing. Raises SettingsError if not BERT-like."""
        if layers and not self.layered:
            kind = self.base.config.model_type
            raise SettingsError(f"frozen_layers is only for BERT-like models, not {kind}: set it to 0")
        for part in (self.base.embeddings, *self._family().all[:layers]) if layers else ():
            part.requires_grad_(False)

    def _family(self) -> EncoderLayers:
        family = layers_of(self.base)
        assert family is not None, self.base.config.model_type  # noqa: S101 - asked only if layered
        return family

    def _last(self) -> tuple[nn.Module, int]:
        family = self._family()
        return family.all[-1], family.heads

    def _through(self, first: int, end: int, states: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> Tensor:
        family = self._family()
        both = _bias(attention_mask[:, None])
        pages = _pages(token_type_ids, attention_mask).float()
        alone = _bias(pages.transpose(1, 2) @ pages)
        if (relative := family.relative(states)) is not None:
            both, alone = both + relative, alone + relative
        for number, layer in enumerate(family.all[first:end], first):
            states = family.run(layer, states, alone if number < self.page_layers else both)
        return states


def pair_encoder(base: Encoder, joint_layers: int) -> PairEncoder | VectorPairs:
    """Return the pair encoder that suits a base; see `PairEncoder`."""
    return VectorPairs(base) if isinstance(base, JoinedEncoder) else PairEncoder(base, joint_layers)


def _pages(token_type_ids: Tensor, attention_mask: Tensor) -> Tensor:
    """Return masks of the tokens of page 1 and page 2, (rows, 2, length) of 0 and 1."""
    second = token_type_ids * attention_mask
    return torch.stack([attention_mask - second, second], dim=1)


def _positions(token_type_ids: Tensor, attention_mask: Tensor) -> Tensor:
    """Return each token's position in its page, (rows, length)."""
    length = attention_mask.shape[1]
    pages = _pages(token_type_ids, attention_mask)
    first = pages[:, :1].sum(-1)
    return torch.arange(length, device=attention_mask.device)[None] - pages[:, 1] * first


def _without_own(mask: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(mask[:, :1]), mask[:, 1:]], dim=1)


def _means(states: Tensor, masks: Tensor) -> Tensor:
    weights = masks.to(states.dtype)
    return (weights @ states) / weights.sum(-1, keepdim=True).clamp(min=1)


def _bias(mask: Tensor) -> Tensor:
    """Return the bias added to attention logits, (rows, 1, queries or 1, length)."""
    return (1.0 - mask[:, None].float()) * torch.finfo(torch.float32).min / 2
