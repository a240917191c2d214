"""Trains the student: distilled from both teachers (section 4.5 of the Bing paper), or fine-tuned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from ranking.cross_encoder.examples import Labels, PairInputs, PoolPredictions, Triplets
from ranking.cross_encoder.losses import centred, class_loss, pairwise_softmax
from ranking.cross_encoder.model import CrossEncoder, pair_scores
from text_model.training import Batch, Curve, Progress, Schedule, fit


@dataclass(frozen=True, slots=True)
class CrossEncoderConfig:
    """Tunables of the student."""

    distil: bool = True  # from teachers; false fine-tunes on triplets and labels directly
    layers: int = 6  # of a deeper base, these many, evenly spaced
    joint_layers: PositiveInt = 2  # the top ones, which read both pages; those below read each page alone
    warm_start: str = ""  # an earlier student: "previous" (the current bundle's), or a path to its weights
    steps: int = 1_500
    pairs: int = 48  # pairs of the pool per step
    triplets: int = 16  # a step, without teachers
    labels: int = 16  # a step, without teachers
    given_share: float = 0.5  # of the labels of a step that come from the input, where there are any
    rate: float = 5e-5
    head_rate: float = 1e-3
    click_share: float = 0.6  # of the loss; the click head has one logit against five
    frozen_layers: int = 0  # from the bottom, the embeddings with them; they run as int8 ONNX, four times as fast
    checkpoint_every: int = 200  # steps


class Distillation(nn.Module):
    """MSE of both heads with both teachers' logits.

    The click logits of the pool have mean 0 and deviation 1; a row of quality logits is compared without its constant.
    """

    def __init__(self, model: CrossEncoder, frozen_layers: int, click_share: float) -> None:
        super().__init__()
        self.model = model
        self.frozen_layers = frozen_layers
        self.click_share = click_share

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the weighted losses `click` and `quality`."""
        click, quality = pair_scores(self.model, self.frozen_layers, batch["pairs"])
        return {
            "click": self.click_share * functional.mse_loss(click, batch["click"]),
            "quality": (1 - self.click_share) * functional.mse_loss(centred(quality), centred(batch["quality"])),
        }


class FineTuning(nn.Module):
    """Pairwise softmax over triplets and soft CE over labels."""

    def __init__(self, model: CrossEncoder, frozen_layers: int, click_share: float) -> None:
        super().__init__()
        self.model = model
        self.frozen_layers = frozen_layers
        self.click_share = click_share

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the weighted losses of what the batch holds."""
        losses: dict[str, Tensor] = {}
        if triplets := batch.get("triplets"):
            clicked, passed = pair_scores(self.model, self.frozen_layers, triplets["pairs"])[0].chunk(2)
            losses["click"] = self.click_share * pairwise_softmax(clicked, passed, triplets["weight"])
        if labels := batch.get("labels"):
            logits = pair_scores(self.model, self.frozen_layers, labels["pairs"])[1]
            losses["quality"] = (1 - self.click_share) * class_loss(logits, labels["quality"], "sce")
        return losses


def distil(
    model: CrossEncoder, inputs: PairInputs, pool: PoolPredictions, config: CrossEncoderConfig, seed: int,
    checkpoint: Path | None, progress: Progress,
) -> Curve:  # fmt: skip
    """Teach the student in place what the teachers said of the pool; without a pool it stays as it is."""
    if len(pool.page1) == 0:
        return Curve()
    objective = Distillation(model, config.frozen_layers, config.click_share)

    def draw(step: int) -> Batch:
        return pool.batch(inputs, config.pairs, seed, step)

    return _fit(objective, draw, config, checkpoint, progress)


def fine_tune(
    model: CrossEncoder, inputs: PairInputs, triplets: Triplets, labels: Labels, config: CrossEncoderConfig, seed: int,
    checkpoint: Path | None, progress: Progress,
) -> Curve:  # fmt: skip
    """Fit the student in place to triplets and labels; either may be missing, or have no share of the loss."""
    of_clicks, of_labels = len(triplets.page) and config.click_share > 0, len(labels.page1) and config.click_share < 1
    if not (of_clicks or of_labels):
        return Curve()
    objective = FineTuning(model, config.frozen_layers, config.click_share)

    def draw(step: int) -> Batch:
        batch: dict[str, Batch] = {}
        if of_clicks:
            batch["triplets"] = triplets.batch(inputs, config.triplets, seed, step)
        if of_labels:
            batch["labels"] = labels.batch(inputs, config.labels, config.given_share, seed + 1, step)
        return batch

    return _fit(objective, draw, config, checkpoint, progress)


def _fit(
    objective: Distillation | FineTuning, draw: Callable[[int], Batch], config: CrossEncoderConfig,
    checkpoint: Path | None, progress: Progress,
) -> Curve:  # fmt: skip
    model = objective.model
    model.eval()  # dropout on a CPU costs as much as it gives in so few steps
    model.encoder.freeze(config.frozen_layers)
    groups = model.parameter_groups(config.rate, config.head_rate)
    return fit(objective, groups, draw, Schedule(config.steps, config.checkpoint_every), checkpoint, progress)
