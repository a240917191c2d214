"""The multitask cross-encoder (MT RecoLM, section 4 of the Bing paper): one encoder, two heads.

The encoder reads both pages. The heads read the first token's state, as in the paper, page 2's state, and a comparison
of their states: a few labels cannot teach similarity, but the pretrained encoder knows it. The click head predicts
which page of an impression is clicked; the quality head predicts one of five quality classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from text_model.pair_encoder import PairEncoder
from text_model.training import Batch
from text_model.vector_pairs import VectorPairs

QUALITY_CLASSES = 5
_COSINE = 8.0  # one number among a thousand: scaled up so that the heads use it from the start
_OTHERS = 0.2  # larger: few labels overfit to pages; smaller: a bad page 2 goes unnoticed


class CrossEncoder(nn.Module):
    """Encoder, click head (1 logit) and quality head (5 logits)."""

    def __init__(self, encoder: PairEncoder | VectorPairs) -> None:
        super().__init__()
        self.encoder = encoder
        self.click = _head(encoder.width, 1)
        self.quality = _head(encoder.width, QUALITY_CLASSES)

    def forward(self, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return click logits (rows,) and quality logits (rows, 5); vector pairs have `above` alone."""
        return self._heads(self.encoder(input_ids, token_type_ids, attention_mask))

    def above(
        self, layers: int, states: Tensor, token_type_ids: Tensor, attention_mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the same from the states above the lowest `layers`."""
        return self._heads(self.encoder.upper(layers, states, token_type_ids, attention_mask))

    def of_pages(self, *pages: Tensor) -> tuple[Tensor, Tensor]:
        """Return the same from what `encoder.joint` takes: both pages' states, masks and columns."""
        return self._heads(self.encoder.joint(*pages))

    def parameter_groups(self, rate: float, head_rate: float) -> list[tuple[list[nn.Parameter], float]]:
        """Return the trainable parameters: the encoder's at `rate`, the heads' at `head_rate`."""
        body = [parameter for parameter in self.encoder.parameters() if parameter.requires_grad]
        return [*([(body, rate)] if body else []), ([*self.click.parameters(), *self.quality.parameters()], head_rate)]

    def _heads(self, states: Tensor) -> tuple[Tensor, Tensor]:
        features = pair_features(states)
        return self.click(features).squeeze(-1), self.quality(features)


def pair_features(states: Tensor) -> Tensor:
    """Return the heads' input, (rows, 4 · width + 1), from the states (rows, 3, width) of pairs.

    It is the first token's state and, with u and v the two pages' unit vectors: v (page 2 may be bad whatever page 1
    is), |u - v| and u · v element-wise, and the cosine.
    """
    first, page1, page2 = states.unbind(1)
    u, v = functional.normalize(page1, dim=-1), functional.normalize(page2, dim=-1)
    width = states.shape[-1]
    product = u * v
    cosine = product.sum(-1, keepdim=True)
    others = torch.cat([first, v * width**0.5, (u - v).abs() * width**0.5, product * width], dim=-1)
    return torch.cat([others * _OTHERS, cosine * _COSINE], dim=-1)


def pair_feature_width(width: int) -> int:
    """Return how many features `pair_features` computes from states of this width."""
    return 4 * width + 1


def _head(width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(pair_feature_width(width), width), nn.GELU(), nn.Linear(width, outputs))


class PageLayers(nn.Module):
    """The layers that read a page alone, for export."""

    def __init__(self, encoder: PairEncoder | VectorPairs) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return a page's states, (rows, length, width); of a vector encoder one."""
        return self.encoder.page_states(*inputs)


class LowerLayers(nn.Module):
    """The frozen part of an encoder, for export."""

    def __init__(self, encoder: PairEncoder, layers: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.layers = layers

    def forward(self, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the states above the frozen layers, (rows, length, width)."""
        return self.encoder.lower(self.layers, input_ids, token_type_ids, attention_mask)


class Scores(nn.Module):
    """The exported model: click logit and expected quality per pair."""

    def __init__(self, model: CrossEncoder) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return click (rows,) and quality in 0 to 4 (rows,)."""
        click, quality = self.model(input_ids, token_type_ids, attention_mask)
        return click, expected_quality(quality)


class JointScores(nn.Module):
    """The same from both pages' states above the layers that read each page separately; all rows may share page 1."""

    def __init__(self, model: CrossEncoder) -> None:
        super().__init__()
        self.model = model

    def forward(self, *pages: Tensor) -> tuple[Tensor, Tensor]:
        """Return click (rows,) and quality in 0 to 4 (rows,), from what `encoder.joint` takes."""
        click, quality = self.model.of_pages(*pages)
        return click, expected_quality(quality)


def pair_scores(model: CrossEncoder, frozen_layers: int, inputs: Batch) -> tuple[Tensor, Tensor]:
    """Return click and quality logits of pairs, whose inputs may hold `states` above the frozen layers."""
    if "states" in inputs:
        return model.above(frozen_layers, inputs["states"], inputs["token_type_ids"], inputs["attention_mask"])
    return model(inputs["input_ids"], inputs["token_type_ids"], inputs["attention_mask"])


def expected_quality(logits: Tensor) -> Tensor:
    """Return the expected class, 0 to 4, (rows,)."""
    classes = torch.arange(QUALITY_CLASSES, dtype=logits.dtype, device=logits.device)
    return torch.softmax(logits, dim=-1) @ classes
