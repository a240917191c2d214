"""Trains the two towers: in-batch softmax with log-Q correction over pairs of pages read in sequence.

Both towers share one encoder and have separate heads. The profile `quick` trains the heads on stored
embeddings; `full` fine-tunes the encoder first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from recall.two_tower.config import TwoTowerConfig
from recall.two_tower.model import Head, Tower
from text_model.base import Encoder
from text_model.distributed import world
from text_model.effort import steps
from text_model.training import Batch, Curve, Progress, Schedule, fit

#: Rows of the page table -> what a tower reads of them.
Inputs = Callable[[NDArray[np.int64]], Batch]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Training pairs as rows of the embedding matrix, each with its weight."""

    query: NDArray[np.int64]
    page: NDArray[np.int64]
    weight: NDArray[np.float64]


def principal_axes(embeddings: NDArray[np.float32], dimension: int) -> Tensor:
    """Return the `dimension` directions with the largest variance of the embeddings, (dimension, width)."""
    sample = embeddings[:: max(1, len(embeddings) // 20_000)]
    _, vectors = np.linalg.eigh(sample.T @ sample)
    return torch.from_numpy(np.ascontiguousarray(vectors[:, ::-1][:, :dimension].T, dtype=np.float32))


class _Softmax(nn.Module):
    """In-batch softmax over the vectors of a batch from two towers, which may be the same tower."""

    def __init__(self, query_tower: nn.Module, page_tower: nn.Module, temperature: float) -> None:
        super().__init__()
        self.query_tower = query_tower
        self.page_tower = page_tower
        self.temperature = temperature

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the loss `softmax`."""
        query, page = self.query_tower(**batch["query_inputs"]), self.page_tower(**batch["page_inputs"])
        loss = in_batch_softmax(query, page, batch["query"], batch["page"], batch["log_q"], self.temperature)
        return {"softmax": loss}


def train_heads(
    embeddings: NDArray[np.float32], pairs: Pairs, config: TwoTowerConfig, seed: int, progress: Progress
) -> tuple[Head, Head, Curve]:
    """Return query head, page head and losses; without pairs (cold start) both heads are the principal axes."""
    torch.manual_seed(seed)
    axes = principal_axes(embeddings, config.dimension)
    heads = query_head, page_head = Head(axes), Head(axes)
    curve = Curve()
    if len(pairs.query):

        def inputs(rows: NDArray[np.int64]) -> Batch:
            return {"embeddings": torch.from_numpy(embeddings[rows])}

        objective = _Softmax(*heads, config.temperature)
        draw = _drawing(pairs, len(embeddings), inputs, config.head_batch, seed)
        groups = [(list(objective.parameters()), config.head_rate)]
        curve = fit(objective, groups, draw, Schedule(config.head_steps), None, progress)
    return query_head.eval().cpu(), page_head.eval().cpu(), curve


def train_encoder(
    encoder: Encoder, inputs: Inputs, pairs: Pairs, rows: int, config: TwoTowerConfig, seed: int,
    checkpoint: Path | None, progress: Progress,
) -> Curve:  # fmt: skip
    """Fine-tune the shared encoder in place; `inputs(rows)` gives the padded token tensors of pages, of which
    there are `rows`. Under torchrun negatives come from the same process only.
    """
    tower = Tower(encoder, None).eval()  # no dropout: on a CPU its random numbers cost as much as a layer
    objective = _Softmax(tower, tower, config.temperature)
    draw = _drawing(pairs, rows, inputs, config.encoder_batch, seed)
    schedule = Schedule(config.encoder_steps, config.checkpoint_every)
    groups = [(list(tower.parameters()), config.encoder_rate)]
    curve = fit(objective, groups, draw, schedule, checkpoint, progress)
    encoder.cpu()
    return curve


def in_batch_softmax(
    query_vectors: Tensor, page_vectors: Tensor, query: Tensor, page: Tensor, log_q: Tensor, temperature: float
) -> Tensor:
    """Return the mean loss over both batches of vectors (n, dimension); `query`, `page` and `log_q` are (n,).

    The page of every other pair is a negative. Its logit is lowered by log Q(page), the probability to be in
    the batch, so that popular pages are not penalized for being sampled often. Rows with the same page, and
    the query page itself, are not negatives.
    """
    with torch.autocast(page.device.type, enabled=False):  # bfloat16 has a precision of only 0.1 for logits near 20
        logits = query_vectors.float() @ page_vectors.float().T / temperature - log_q
    same = (page[:, None] == page[None, :]) | (query[:, None] == page[None, :])
    same.fill_diagonal_(False)
    logits = logits.masked_fill(same, -1e9)
    return functional.cross_entropy(logits, torch.arange(len(page), device=page.device))


def enough(config: TwoTowerConfig, pairs: Pairs) -> TwoTowerConfig:
    """Return the settings with as many steps as the pages of the pairs need; the given ones are the most."""
    pages = len(np.unique(np.concatenate([pairs.query, pairs.page])))
    return replace(
        config,
        head_steps=steps(config.head_steps, config.head_batch, pages, config.head_visits),
        encoder_steps=steps(config.encoder_steps, config.encoder_batch, pages, config.encoder_visits),
    )


def _drawing(pairs: Pairs, rows: int, inputs: Inputs, count: int, seed: int) -> Callable[[int], Batch]:
    """Return a function that samples this process's pairs of a step, by weight, from `rows` pages."""
    share = pairs.weight / pairs.weight.sum()
    cumulative = np.cumsum(share)
    frequency = np.bincount(pairs.page, share, minlength=rows)
    log_q = np.log(np.maximum(frequency, 1e-12)).astype(np.float32)

    def draw(step: int) -> Batch:
        drawn = np.random.default_rng((seed, step)).random(count) * cumulative[-1]
        chosen = np.searchsorted(cumulative, drawn)[world().share(count)]
        query, page = pairs.query[chosen], pairs.page[chosen]
        return {
            "query_inputs": inputs(query), "page_inputs": inputs(page),
            "query": torch.from_numpy(query), "page": torch.from_numpy(page), "log_q": torch.from_numpy(log_q[page]),
        }  # fmt: skip

    return draw
