"""Trains the adapter on a log: contrast of pages that Swing finds alike, jointly with clicks.

Equations 1 to 3 of TRAWL: Luo et al., "External Knowledge-Enhanced Recommendation with LLM Assistance".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from recall.knowledge.config import KnowledgeConfig
from recall.knowledge.model import Adapter
from recall.two_tower.train import in_batch_softmax, principal_axes
from text_model.effort import steps
from text_model.training import Batch, Curve, Progress, Schedule, fit

_SAMPLE = 20_000  # pages of which the axes are taken
_POWER = 0.75  # of a pair's weight: a few frequent pairs would dominate


@dataclass(frozen=True, slots=True)
class Evidence:
    """Pairs of pages of the log, as rows of the embeddings, each array of the same length."""

    page1: NDArray[np.int64]
    page2: NDArray[np.int64]
    near: NDArray[np.float64]  # page2 read soon after page1: what the recommender learns from
    swing: NDArray[np.float64]  # equation 1

    def without(self, hidden: NDArray[np.bool_]) -> Evidence:
        """Return the pairs neither of whose pages (a truth value per row of the embeddings) is hidden."""
        kept = ~(hidden[self.page1] | hidden[self.page2])
        return Evidence(self.page1[kept], self.page2[kept], self.near[kept], self.swing[kept])


def positives(evidence: Evidence, most: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (page, positive): for each page those `most` with the highest Swing; ties by row."""
    found = np.flatnonzero(evidence.swing > 0)
    page, other, swing = evidence.page1[found], evidence.page2[found], evidence.swing[found]
    order = np.lexsort((other, -swing, page))
    page, other = page[order], other[order]
    starts = np.searchsorted(page, page)  # sorted by page: where each page's pairs begin
    kept = np.arange(len(page)) - starts < most
    return page[kept], other[kept]


def info_nce(anchors: Tensor, likes: Tensor, anchor: Tensor, like: Tensor, temperature: float) -> Tensor:
    """Return the mean over a batch of equation 2, for unit vectors (B, d) of pages and their positives; rows are (B,).

    -log( exp(uⱼ·uⱼᵖ/τ) / Σⱼ' exp(uⱼ'·uⱼᵖ/τ) ): the sum is over the exponentials (the paper prints it inside the one).
    A row whose page is that of row j, or row j's positive itself, is no negative.
    """
    return in_batch_softmax(likes, anchors, like, anchor, torch.zeros(len(anchor), device=anchor.device), temperature)


class Objective(nn.Module):
    """Equation 3: the recommender's loss plus w₂ · the contrast of pages; there is no reader's side."""

    def __init__(self, adapter: Adapter, config: KnowledgeConfig) -> None:
        super().__init__()
        self.adapter = adapter
        self.config = config

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the weighted losses `click` and `contrast`, of the parts that the batch has."""
        config, losses = self.config, {}
        if part := batch.get("click"):
            first, second = self.adapter(part["one"]), self.adapter(part["two"])
            loss = in_batch_softmax(first, second, part["page"], part["other"], part["log_q"], config.click_temperature)
            losses["click"] = config.click_weight * loss
        if part := batch.get("contrast"):
            first, second = self.adapter(part["one"]), self.adapter(part["two"])
            loss = info_nce(first, second, part["page"], part["other"], config.temperature)
            losses["contrast"] = config.contrast_weight * loss
        return losses


def train(
    embeddings: NDArray[np.floating], evidence: Evidence, config: KnowledgeConfig, seed: int, progress: Progress
) -> tuple[Adapter, Curve]:
    """Return the adapter of embeddings (pages, width) and its losses; without evidence it keeps the principal axes."""
    torch.manual_seed(seed)
    sample = np.asarray(embeddings[:: max(1, len(embeddings) // _SAMPLE)], np.float32)
    axes = principal_axes(sample, min(config.dimension, sample.shape[1]))
    adapter, curve = Adapter(axes, config.experts, config.hidden, config.dropout), Curve()
    draws = _draws(embeddings, evidence, config, seed)
    pages = len(np.unique(np.concatenate([evidence.page1, evidence.page2])))
    length = steps(config.steps, config.batch, pages, config.visits)
    if draws and length:
        adapter.train()
        groups = [(list(adapter.parameters()), config.rate)]

        def draw(step: int) -> Batch:
            return {name: own(step) for name, own in draws.items()}

        curve = fit(Objective(adapter, config), groups, draw, Schedule(length), None, progress)
    return adapter.eval().cpu(), curve


Draw = Callable[[int], Batch]


def _draws(embeddings: NDArray[np.floating], evidence: Evidence, config: KnowledgeConfig, seed: int) -> dict[str, Draw]:
    """Return what draws a step's part of each loss that has a weight and pairs."""
    near = evidence.near > 0
    weight = evidence.near[near] ** _POWER
    page, other = positives(evidence, config.positives)
    parts = {
        "click": (config.click_weight, evidence.page1[near], evidence.page2[near], weight),
        "contrast": (config.contrast_weight, page, other, np.ones(len(page))),
    }
    return {
        name: _drawing(embeddings, one, two, by, config.batch, seed)
        for name, (factor, one, two, by) in parts.items()
        if factor > 0 and len(one)
    }


def _drawing(
    embeddings: NDArray[np.floating],
    page: NDArray[np.int64],
    other: NDArray[np.int64],
    weight: NDArray[np.float64],
    count: int,
    seed: int,
) -> Draw:
    """Return a function that samples `count` pairs of a step, by weight."""
    share = weight / weight.sum()
    cumulative = np.cumsum(share)
    frequency = np.bincount(other, share, minlength=len(embeddings))
    log_q = np.log(np.maximum(frequency, 1e-12)).astype(np.float32)

    def draw(step: int) -> Batch:
        chosen = np.searchsorted(cumulative, np.random.default_rng((seed, step)).random(count) * cumulative[-1])
        one, two = page[chosen], other[chosen]
        return {
            "one": _rows(embeddings, one), "two": _rows(embeddings, two), "page": torch.from_numpy(one),
            "other": torch.from_numpy(two), "log_q": torch.from_numpy(log_q[two]),
        }  # fmt: skip

    return draw


def _rows(embeddings: NDArray[np.floating], rows: NDArray[np.int64]) -> Tensor:
    return torch.from_numpy(np.asarray(embeddings[rows], np.float32))
