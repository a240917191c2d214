"""Trains the multitask cross-encoder (MT RecoLM, sections 4.3 to 4.5 of the Bing paper) and exports it.

One encoder reads both pages. The click head learns which page of an impression was clicked; the
quality head learns the five quality classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

from text_model.base import first_state, lower_states, upper_first_state
from text_model.session import OnnxModel

QUALITY_CLASSES = 5
Batch = dict[str, NDArray[np.int64]]
Progress = Callable[[int], None]
#: (rows of page 1, rows of page 2) -> padded token ids of the pairs.
PairInputs = Callable[[NDArray[np.int64], NDArray[np.int64]], Batch]
#: The same -> (click logits, quality logits).
PairScores = Callable[[NDArray[np.int64], NDArray[np.int64]], tuple[Tensor, Tensor]]


@dataclass(frozen=True, slots=True)
class CrossEncoderConfig:
    """Tunables of the training."""

    steps: int = 1_500
    triplets: int = 16  # a step
    labels: int = 16  # a step
    rate: float = 5e-5
    head_rate: float = 1e-3
    click_share: float = 0.6  # of the loss; the click head has one logit against five
    frozen_layers: int = 0  # from the bottom, the embeddings with them; they run as int8 ONNX, four times as fast


@dataclass(frozen=True, slots=True)
class Triplets:
    """Clicked against not clicked in one impression: rows of the page table."""

    page: NDArray[np.int64]
    clicked: NDArray[np.int64]
    passed: NDArray[np.int64]
    weight: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Labels:
    """Judged pairs: rows of the page table, quality 0 to 4."""

    page1: NDArray[np.int64]
    page2: NDArray[np.int64]
    quality: NDArray[np.float32]


class CrossEncoder(nn.Module):
    """Encoder, click head (1 logit) and quality head (5 logits)."""

    def __init__(self, encoder: PreTrainedModel) -> None:
        super().__init__()
        width = encoder.config.hidden_size
        self.encoder = encoder
        self.click = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, 1))
        self.quality = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, QUALITY_CLASSES))

    def forward(self, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return click logits (rows,) and quality logits (rows, 5)."""
        state = first_state(self.encoder, input_ids, token_type_ids, attention_mask)
        return self.click(state).squeeze(-1), self.quality(state)

    def above(self, layers: int, states: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the same from the states above the lowest `layers`, which stay as they are."""
        state = upper_first_state(self.encoder, layers, states, attention_mask)
        return self.click(state).squeeze(-1), self.quality(state)

    def freeze(self, layers: int) -> None:
        """Keep the embeddings and the lowest `layers` as they are."""
        if layers:
            for part in (self.encoder.embeddings, *list(self.encoder.encoder.layer)[:layers]):
                part.requires_grad_(False)


class LowerLayers(nn.Module):
    """The frozen part of an encoder, for export."""

    def __init__(self, encoder: PreTrainedModel, layers: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.layers = layers

    def forward(self, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the states above the frozen layers, (rows, length, width)."""
        return lower_states(self.encoder, self.layers, input_ids, token_type_ids, attention_mask)


def pair_scores(model: CrossEncoder, layers: int, lower: OnnxModel | None, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return click and quality logits; `lower` runs the frozen layers where there are any."""
    if lower is None:
        return model(**{name: torch.from_numpy(value) for name, value in batch.items()})
    states = torch.from_numpy(lower.run(batch)[0])
    return model.above(layers, states, torch.from_numpy(batch["attention_mask"]))


def train(
    model: CrossEncoder,
    lower: OnnxModel | None,
    inputs: PairInputs,
    triplets: Triplets,
    labels: Labels,
    config: CrossEncoderConfig,
    seed: int,
    progress: Progress,
) -> None:
    """Train the model in place; either kind of example may be missing. `lower` runs its frozen layers."""
    generator = np.random.default_rng(seed)
    model.eval()  # dropout on a CPU costs as much as it gives in so few steps
    model.freeze(config.frozen_layers)

    def scores(page1: NDArray[np.int64], page2: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        return pair_scores(model, config.frozen_layers, lower, inputs(page1, page2))

    heads = [*model.click.parameters(), *model.quality.parameters()]
    body = [p for p in model.encoder.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        [{"params": body, "lr": config.rate}, {"params": heads, "lr": config.head_rate}], weight_decay=0.01
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _warm_then_linear(config.steps))
    for step in range(config.steps):
        loss = config.click_share * _click_loss(scores, triplets, config.triplets, generator)
        loss = loss + (1 - config.click_share) * _quality_loss(scores, labels, config.labels, generator)
        if not isinstance(loss, Tensor):
            break  # nothing to learn from
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_([*body, *heads], 1.0)
        optimizer.step()
        schedule.step()
        progress(step + 1)


def pairwise_softmax(clicked: Tensor, passed: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted mean of -log(e^s+ / (e^s+ + e^s-)): equation 1 of the Bing paper as it is meant."""
    return (functional.softplus(passed - clicked) * weight).sum() / weight.sum()


def soft_classes(quality: Tensor) -> Tensor:
    """Return (rows, 5) probabilities: a score's mass on its two nearest integer classes (algorithm 1, as meant)."""
    low = quality.floor().clamp(0, QUALITY_CLASSES - 2)
    share = (quality - low).unsqueeze(1)
    low_class = functional.one_hot(low.long(), QUALITY_CLASSES)
    return low_class * (1 - share) + low_class.roll(1, dims=1) * share


def expected_quality(logits: Tensor) -> Tensor:
    """Return the expectation of the classes 0 to 4, (rows,)."""
    classes = torch.arange(QUALITY_CLASSES, dtype=logits.dtype)
    return torch.softmax(logits, dim=-1) @ classes


class Scores(nn.Module):
    """What is exported: click logit and expected quality a pair."""

    def __init__(self, model: CrossEncoder) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return click (rows,) and quality in 0 to 4 (rows,)."""
        click, quality = self.model(input_ids, token_type_ids, attention_mask)
        return click, expected_quality(quality)


def _click_loss(score: PairScores, triplets: Triplets, count: int, generator: np.random.Generator) -> Tensor | float:
    if len(triplets.page) == 0:
        return 0.0
    rows = generator.integers(0, len(triplets.page), count)
    page = np.concatenate([triplets.page[rows]] * 2)
    scores, _ = score(page, np.concatenate([triplets.clicked[rows], triplets.passed[rows]]))
    return pairwise_softmax(scores[:count], scores[count:], torch.from_numpy(triplets.weight[rows]))


def _quality_loss(score: PairScores, labels: Labels, count: int, generator: np.random.Generator) -> Tensor | float:
    if len(labels.page1) == 0:
        return 0.0
    rows = generator.integers(0, len(labels.page1), count)
    _, logits = score(labels.page1[rows], labels.page2[rows])
    return functional.cross_entropy(logits, soft_classes(torch.from_numpy(labels.quality[rows])))


def _warm_then_linear(steps: int) -> Callable[[int], float]:
    warm = max(1, steps // 10)
    return lambda step: min(1.0, (step + 1) / warm) * max(0.0, 1 - step / steps)
