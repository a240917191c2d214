"""Trains the student: distilled from both teachers (section 4.5 of the Bing paper), or fine-tuned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from ranking.cross_encoder.examples import Labels, PairInputs, TeacherLabels, Triplets
from ranking.cross_encoder.losses import centred, class_loss, pairwise_softmax
from ranking.cross_encoder.model import CrossEncoder, pair_scores
from text_model.training import Batch, Curve, Progress, Schedule, fit


@dataclass(frozen=True, slots=True)
class CrossEncoderConfig:
    """Tunables of the student."""

    distil: bool = True  # from teachers; false fine-tunes on triplets and labels directly
    layers: int = 6  # kept of a deeper base, evenly spaced
    joint_layers: PositiveInt = 2  # at the top, reading both pages; those below read each page separately
    warm_start: str = ""  # an earlier student: "previous" (the current bundle's), or a path to its weights
    steps: int = 1_500
    pairs: int = 48  # pairs with teachers' logits per step
    triplets: int = 16  # per step, without teachers
    labels: int = 16  # per step, without teachers
    given_share: float = 0.5  # share of a step's labels that come from the input, if there are any
    rate: float = 5e-5
    head_rate: float = 1e-3
    click_share: float = 0.6  # weight in the loss; the click head has one logit, the quality head five
    frozen_layers: int = 0  # from the bottom, with the embeddings; they run as int8 ONNX, four times as fast
    checkpoint_every: int = 200  # steps


class Distillation(nn.Module):
    """MSE between the heads' logits and the two teachers'.

    The teacher's click logits have mean 0 and deviation 1; quality logits are compared minus the mean of their row.
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
        """Return the weighted losses of the examples in the batch."""
        losses: dict[str, Tensor] = {}
        if triplets := batch.get("triplets"):
            clicked, unclicked = pair_scores(self.model, self.frozen_layers, triplets["pairs"])[0].chunk(2)
            losses["click"] = self.click_share * pairwise_softmax(clicked, unclicked, triplets["weight"])
        if labels := batch.get("labels"):
            logits = pair_scores(self.model, self.frozen_layers, labels["pairs"])[1]
            losses["quality"] = (1 - self.click_share) * class_loss(logits, labels["quality"], "sce")
        return losses


def distil(
    model: CrossEncoder, inputs: PairInputs, labels: TeacherLabels, config: CrossEncoderConfig, seed: int,
    checkpoint: Path | None, progress: Progress,
) -> Curve:  # fmt: skip
    """Train the student in place on the teachers' logits of the pool; an empty pool leaves it unchanged."""
    if len(labels.page1) == 0:
        return Curve()
    objective = Distillation(model, config.frozen_layers, config.click_share)

    def draw(step: int) -> Batch:
        return labels.batch(inputs, config.pairs, seed, step)

    return _fit(objective, draw, config, checkpoint, progress)


def fine_tune(
    model: CrossEncoder, inputs: PairInputs, triplets: Triplets, labels: Labels, config: CrossEncoderConfig, seed: int,
    checkpoint: Path | None, progress: Progress,
) -> Curve:  # fmt: skip
    """Train the student in place on triplets and labels; either may be empty, or have weight 0 in the loss."""
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
    model.eval()  # no dropout: in so few steps on a CPU it costs as much as it gains
    model.encoder.freeze(config.frozen_layers)
    groups = model.parameter_groups(config.rate, config.head_rate)
    return fit(objective, groups, draw, Schedule(config.steps, config.checkpoint_every), checkpoint, progress)
