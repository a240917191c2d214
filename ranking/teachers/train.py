"""Trains the click teacher and the quality teacher (sections 4.3 and 4.4 of the Bing paper)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydantic import PositiveInt
from torch import Tensor, nn

from ranking.cross_encoder.examples import Labels, PairInputs, Triplets
from ranking.cross_encoder.losses import QualityLoss, class_loss, pairwise_softmax
from ranking.teachers.model import Teacher
from text_model.effort import HeldOut, held_out_pages, steps
from text_model.packaged import AUTO
from text_model.tokens import TokensPerPage
from text_model.training import Batch, Curve, Progress, Schedule, Share, fit

_BATCHES, _OTHER_SEED = 4, 1 << 20  # of held-out examples

#: The batch of a step.
Draw = Callable[[int], Batch]


@dataclass(frozen=True, slots=True)
class TeachersConfig:
    """Tunables of both teachers."""

    base: str = AUTO  # the text's, or minilm for multilingual; a path or a hub name; the larger the better
    joint_layers: PositiveInt = 2  # at the top, reading both pages
    tokens_per_page: TokensPerPage = 0  # 0: as the student's
    quality_loss: QualityLoss = "sce"  # or ce: the nearest class only
    click_steps: int = 1_500  # at most
    quality_steps: int = 1_500
    visits: float = 16.0  # draws per page after which a teacher has seen enough
    held_out_share: float = 0.0  # of the pages; training ends when they gain nothing
    triplets: int = 16  # per step
    labels: int = 32  # per step
    given_share: float = 0.5  # share of a step's labels that come from the input, if there are any
    rate: float = 5e-5
    head_rate: float = 1e-3
    frozen_layers: int = 0  # from the bottom, with the embeddings
    average_share: Share = 0.0  # of the steps, the last ones, whose weights are averaged; without held-out pages
    pool: int = 150_000  # unlabelled pairs for distillation; many times the number of labels
    checkpoint_every: int = 200  # steps


class _ClickLoss(nn.Module):
    def __init__(self, teacher: Teacher) -> None:
        super().__init__()
        self.teacher = teacher

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        clicked, unclicked = self.teacher(**batch["pairs"]).squeeze(-1).chunk(2)
        return {"click": pairwise_softmax(clicked, unclicked, batch["weight"])}


class _QualityLoss(nn.Module):
    def __init__(self, teacher: Teacher, kind: QualityLoss) -> None:
        super().__init__()
        self.teacher = teacher
        self.kind = kind

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        return {"quality": class_loss(self.teacher(**batch["pairs"]), batch["quality"], self.kind)}


def train_click(
    teacher: Teacher, inputs: PairInputs, triplets: Triplets, config: TeachersConfig, seed: int,
    checkpoint: Path | None, progress: Progress,
) -> Curve:  # fmt: skip
    """Train in place to predict which of two pages of an impression is clicked; no triplets leave it unchanged."""
    if len(triplets.page) == 0:
        return Curve()

    held = np.isin(triplets.page, held_out_pages(config.held_out_share, triplets.page))

    def drawing(some: Triplets, own_seed: int) -> Draw:
        return lambda step: some.batch(inputs, config.triplets, own_seed, step)

    held_out = HeldOut(drawing(triplets.take(held), _OTHER_SEED), _BATCHES) if held.any() else None
    draw = drawing(triplets.take(~held), seed)
    return _fit(teacher, _ClickLoss(teacher), draw, config, config.click_steps, checkpoint, progress, held_out)


def train_quality(
    teacher: Teacher, inputs: PairInputs, labels: Labels, config: TeachersConfig, seed: int,
    checkpoint: Path | None, progress: Progress,
) -> Curve:  # fmt: skip
    """Train in place to predict the five quality classes; no labels leave it unchanged."""
    if len(labels.page1) == 0:
        return Curve()

    held = np.isin(labels.page1, held_out_pages(config.held_out_share, labels.page1))

    def drawing(some: Labels, own_seed: int) -> Draw:
        return lambda step: some.batch(inputs, config.labels, config.given_share, own_seed, step)

    held_out = HeldOut(drawing(labels.take(held), _OTHER_SEED), _BATCHES) if held.any() else None
    objective, draw = _QualityLoss(teacher, config.quality_loss), drawing(labels.take(~held), seed)
    return _fit(teacher, objective, draw, config, config.quality_steps, checkpoint, progress, held_out)


def enough(config: TeachersConfig, triplets: Triplets, labels: Labels) -> TeachersConfig:
    """Return the settings with as many steps as the pages need; the given ones are the most."""
    of_clicks, of_labels = len(np.unique(triplets.page)), len(np.unique(labels.page1))
    return replace(
        config,
        click_steps=steps(config.click_steps, config.triplets, of_clicks, config.visits),
        quality_steps=steps(config.quality_steps, config.labels, of_labels, config.visits),
    )


def _fit(
    teacher: Teacher, objective: nn.Module, draw: Draw, config: TeachersConfig, most: int,
    checkpoint: Path | None, progress: Progress, held_out: HeldOut | None,
) -> Curve:  # fmt: skip
    teacher.eval()  # no dropout, as for the student
    teacher.encoder.freeze(config.frozen_layers)
    groups = teacher.parameter_groups(config.rate, config.head_rate)
    schedule = Schedule(most, config.checkpoint_every, config.average_share)
    return fit(objective, groups, draw, schedule, checkpoint, progress, held_out)
