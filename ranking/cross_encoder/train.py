"""Trains the student: distilled from both teachers (section 4.5 of the Bing paper), or fine-tuned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from ranking.cross_encoder.examples import Labels, PairInputs, TeacherLabels, Triplets
from ranking.cross_encoder.losses import centred, class_loss, pairwise_softmax
from ranking.cross_encoder.model import CrossEncoder, pair_scores
from text_model.effort import HeldOut, held_out_pages, steps
from text_model.training import Batch, Curve, Progress, Schedule, Share, fit

_BATCHES, _OTHER_SEED = 4, 1 << 20  # of held-out examples

#: The batch of a step.
Draw = Callable[[int], Batch]


@dataclass(frozen=True, slots=True)
class CrossEncoderConfig:
    """Tunables of the student."""

    distil: bool = True  # from teachers; false fine-tunes on triplets and labels directly
    layers: int = 6  # kept of a deeper base, evenly spaced
    joint_layers: PositiveInt = 1  # at the top, reading both pages; those below read each page separately
    warm_start: str = ""  # an earlier student: "previous" (the current bundle's), or a path to its weights
    steps: int = 1_500  # at most
    visits: float = 16.0  # draws per page after which the student has seen enough
    held_out_share: float = 0.0  # of the pages; training ends when they gain nothing
    pairs: int = 48  # pairs with teachers' logits per step
    triplets: int = 16  # per step, without teachers
    labels: int = 16  # per step, without teachers
    given_share: float = 0.5  # share of a step's labels that come from the input, if there are any
    rate: float = 5e-5
    head_rate: float = 1e-3
    click_share: float = 0.6  # weight in the loss; the click head has one logit, the quality head five
    frozen_layers: int = 0  # from the bottom, with the embeddings; they run as int8 ONNX, four times as fast
    average_share: Share = 0.0  # of the steps, the last ones, whose weights are averaged; without held-out pages
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
    held = np.isin(labels.page1, held_out_pages(config.held_out_share, labels.page1))

    def drawing(some: TeacherLabels, own_seed: int) -> Draw:
        return lambda step: some.batch(inputs, config.pairs, own_seed, step)

    held_out = HeldOut(drawing(labels.take(held), _OTHER_SEED), _BATCHES) if held.any() else None
    return _fit(objective, drawing(labels.take(~held), seed), config, checkpoint, progress, held_out)


def fine_tune(
    model: CrossEncoder, inputs: PairInputs, triplets: Triplets, labels: Labels, config: CrossEncoderConfig, seed: int,
    checkpoint: Path | None, progress: Progress,
) -> Curve:  # fmt: skip
    """Train the student in place on triplets and labels; either may be empty, or have weight 0 in the loss."""
    of_clicks, of_labels = len(triplets.page) and config.click_share > 0, len(labels.page1) and config.click_share < 1
    if not (of_clicks or of_labels):
        return Curve()
    objective = FineTuning(model, config.frozen_layers, config.click_share)
    held = held_out_pages(
        config.held_out_share, *([triplets.page] if of_clicks else []), *([labels.page1] if of_labels else [])
    )
    of_held, labels_held = np.isin(triplets.page, held), np.isin(labels.page1, held)

    def drawing(clicked: Triplets, judged: Labels, own_seed: int) -> Draw:
        def draw(step: int) -> Batch:
            batch: dict[str, Batch] = {}
            if of_clicks and len(clicked.page):
                batch["triplets"] = clicked.batch(inputs, config.triplets, own_seed, step)
            if of_labels and len(judged.page1):
                batch["labels"] = judged.batch(inputs, config.labels, config.given_share, own_seed + 1, step)
            return batch

        return draw

    draw = drawing(triplets.take(~of_held), labels.take(~labels_held), seed)
    unseen = drawing(triplets.take(of_held), labels.take(labels_held), _OTHER_SEED)
    return _fit(objective, draw, config, checkpoint, progress, HeldOut(unseen, _BATCHES) if len(held) else None)


def enough(config: CrossEncoderConfig, *pages: NDArray[np.int64]) -> CrossEncoderConfig:
    """Return the settings with as many steps as the pages need; the given ones are the most.

    `pages` are the first pages of triplets and labels, or of the pool. Both kinds are drawn in every step.
    """
    drawn = config.pairs if config.distil else max(config.triplets, config.labels)
    return replace(config, steps=steps(config.steps, drawn, len(np.unique(np.concatenate(pages))), config.visits))


def _fit(
    objective: Distillation | FineTuning, draw: Draw, config: CrossEncoderConfig,
    checkpoint: Path | None, progress: Progress, held_out: HeldOut | None,
) -> Curve:  # fmt: skip
    model = objective.model
    model.eval()  # no dropout: in so few steps on a CPU it costs as much as it gains
    model.encoder.freeze(config.frozen_layers)
    groups = model.parameter_groups(config.rate, config.head_rate)
    schedule = Schedule(config.steps, config.checkpoint_every, config.average_share)
    return fit(objective, groups, draw, schedule, checkpoint, progress, held_out)
