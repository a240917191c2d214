"""Trains the two towers: in-batch softmax with log-Q correction over pairs that readers read in a row.

Both towers share one encoder and differ in their heads. `quick` trains the heads on stored
embeddings; `full` first trains the encoder too.
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

from text_model.base import hidden_states, mean_pooled

#: Called with the number of steps done, for a progress bar.
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class TwoTowerConfig:
    """Tunables of the towers."""

    dimension: int = 128
    temperature: float = 0.05
    head_steps: int = 600
    head_batch: int = 512
    head_rate: float = 1e-3
    encoder_steps: int = 0  # `full` sets this
    encoder_batch: int = 64
    encoder_rate: float = 2e-5


@dataclass(frozen=True, slots=True)
class Pairs:
    """Training pairs as rows of the embedding matrix, each with its weight."""

    query: NDArray[np.int64]
    page: NDArray[np.int64]
    weight: NDArray[np.float64]


class Head(nn.Module):
    """A projection that starts as the embeddings' principal axes, plus a small correction that starts at 0."""

    def __init__(self, axes: Tensor, hidden: int = 256) -> None:
        super().__init__()
        self.projection = nn.Linear(axes.shape[1], axes.shape[0], bias=False)
        self.projection.weight.data.copy_(axes)
        self.correction = nn.Sequential(
            nn.Linear(axes.shape[1], hidden), nn.GELU(), nn.Dropout(0.1), nn.Linear(hidden, axes.shape[0])
        )
        nn.init.zeros_(self.correction[3].weight)
        nn.init.zeros_(self.correction[3].bias)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Return unit vectors (rows, dimension)."""
        return functional.normalize(self.projection(embeddings) + self.correction(embeddings), dim=-1)


class Tower(nn.Module):
    """Encoder, mean pooling and head: what is exported."""

    def __init__(self, encoder: PreTrainedModel, head: Head | None) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head

    def forward(self, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return unit vectors (rows, dimension), or embeddings (rows, width) without a head."""
        states = hidden_states(self.encoder, input_ids, token_type_ids, attention_mask)
        pooled = functional.normalize(mean_pooled(states, attention_mask), dim=-1)
        return pooled if self.head is None else self.head(pooled)


def principal_axes(embeddings: NDArray[np.float32], dimension: int) -> Tensor:
    """Return the `dimension` directions in which the embeddings spread most, (dimension, width)."""
    sample = embeddings[:: max(1, len(embeddings) // 20_000)]
    _, vectors = np.linalg.eigh(sample.T @ sample)
    return torch.from_numpy(np.ascontiguousarray(vectors[:, ::-1][:, :dimension].T, dtype=np.float32))


def train_heads(
    embeddings: NDArray[np.float32], pairs: Pairs, config: TwoTowerConfig, seed: int, progress: Progress
) -> tuple[Head, Head]:
    """Return (query head, page head); without pairs both keep the principal axes (a cold start)."""
    torch.manual_seed(seed)
    axes = principal_axes(embeddings, config.dimension)
    query_head, page_head = Head(axes), Head(axes)
    if len(pairs.query) == 0:
        return query_head.eval(), page_head.eval()
    vectors = torch.from_numpy(embeddings)
    sampler, log_q = _sampler(pairs, len(embeddings), config.head_batch, seed)
    optimizer = torch.optim.AdamW([*query_head.parameters(), *page_head.parameters()], config.head_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.head_steps)
    for step in range(config.head_steps):
        query, page = sampler()
        loss = in_batch_softmax(
            query_head(vectors[query]), page_head(vectors[page]), query, page, log_q, config.temperature
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        progress(step + 1)
    return query_head.eval(), page_head.eval()


def train_encoder(
    encoder: PreTrainedModel,
    inputs: Callable[[NDArray[np.int64]], dict[str, Tensor]],
    pairs: Pairs,
    rows: int,
    config: TwoTowerConfig,
    seed: int,
    progress: Progress,
) -> None:
    """Fine-tune the shared encoder in place; `inputs(rows)` gives the padded token tensors of pages."""
    sampler, log_q = _sampler(pairs, rows, config.encoder_batch, seed)
    tower = Tower(encoder, None).eval()  # no dropout: on a CPU its random numbers cost as much as a layer
    optimizer = torch.optim.AdamW(tower.parameters(), config.encoder_rate)
    for step in range(config.encoder_steps):
        query, page = sampler()
        loss = in_batch_softmax(
            tower(**inputs(query.numpy())), tower(**inputs(page.numpy())), query, page, log_q, config.temperature
        )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(tower.parameters(), 1.0)
        optimizer.step()
        progress(step + 1)


def in_batch_softmax(
    query_vectors: Tensor, page_vectors: Tensor, query: Tensor, page: Tensor, log_q: Tensor, temperature: float
) -> Tensor:
    """Return the mean loss over both batches of vectors (n, dimension).

    Every other pair's page is a negative; its logit is lowered by log Q(page), the chance to be in
    the batch, so that popular pages are not punished for being sampled often. Rows that hold the
    same page, and the query page itself, are no negatives.
    """
    logits = query_vectors @ page_vectors.T / temperature - log_q[page]
    same = (page[:, None] == page[None, :]) | (query[:, None] == page[None, :])
    same.fill_diagonal_(False)
    logits = logits.masked_fill(same, -1e9)
    return functional.cross_entropy(logits, torch.arange(len(page)))


def _sampler(pairs: Pairs, rows: int, batch: int, seed: int) -> tuple[Callable[[], tuple[Tensor, Tensor]], Tensor]:
    generator = np.random.default_rng(seed)
    share = pairs.weight / pairs.weight.sum()
    cumulative = np.cumsum(share)
    frequency = np.bincount(pairs.page, share, minlength=rows)
    log_q = torch.from_numpy(np.log(np.maximum(frequency, 1e-12)).astype(np.float32))

    def draw() -> tuple[Tensor, Tensor]:
        chosen = np.searchsorted(cumulative, generator.random(batch) * cumulative[-1])
        return torch.from_numpy(pairs.query[chosen]), torch.from_numpy(pairs.page[chosen])

    return draw, log_q
