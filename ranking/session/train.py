"""Trains a session network on the steps of sessions, and exports it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ranking.session.config import HISTORY, SessionConfig
from ranking.session.inputs import FEATURES, Floats, PageVectors, Rows, features, log_clicks
from ranking.session.networks import NETWORKS, Network
from text_model.export import export_of
from text_model.session import OnnxModel
from text_model.training import Batch, Curve, Schedule, fit, rows_of_step

_TOLERANCE = 1e-3
_ABSENT = 0.05  # of a click, for a candidate that no reader chose: its log is finite


class ParityError(RuntimeError):
    """The exported network does not match the trained one."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Steps of sessions, as rows of pages: 0 is an unknown page, n the n-th page."""

    session: NDArray[np.uint64]  # [n]
    trigger: Rows  # [n]
    history: Rows  # [n, HISTORY], newest last
    chosen: Rows  # [n], the page that the reader went to

    def take(self, rows: NDArray[np.intp]) -> Examples:
        """Return the given rows."""
        return Examples(self.session[rows], self.trigger[rows], self.history[rows], self.chosen[rows])

    def __len__(self) -> int:
        return len(self.trigger)


@dataclass(frozen=True, slots=True)
class Followers:
    """The pages that readers go to most after each page, and how often; row 0 is an unknown page."""

    pages: Rows  # [pages + 1, f]; 0 where there are fewer
    counts: Floats  # [pages + 1, f]


class Vectors(nn.Module):
    """What training learns of each page, beside a projection of its text: [n] rows -> [n, width]."""

    def __init__(self, text: NDArray[np.floating], config: SessionConfig) -> None:
        super().__init__()
        self.text = text  # float16 in memory or on disk; rows are read per batch
        self.learnt = nn.Embedding(len(text) + 1, config.id_dimension, padding_idx=0)
        nn.init.normal_(self.learnt.weight[1:], std=0.05)
        self.projected = nn.Linear(text.shape[1], config.text_dimension)
        self._without_id = config.without_id

    def forward(self, rows: Tensor) -> Tensor:
        """Return the vectors; zeros for row 0. In training some pages lack their learnt half."""
        known = (rows > 0).unsqueeze(-1).float()
        text = torch.from_numpy(self.text[(rows - 1).clamp(min=0).numpy()].astype(np.float32))
        learnt = self.learnt(rows)
        if self.training:
            learnt = learnt * (torch.rand(*rows.shape, 1) >= self._without_id)
        return torch.cat([learnt, self.projected(text)], dim=-1) * known


class _Loss(nn.Module):
    """Cross-entropy of the chosen page among followers of the trigger, on top of how often readers go there.

    So the network learns what the way adds to the trigger's own counts.
    """

    def __init__(self, vectors: Vectors, network: Network) -> None:
        super().__init__()
        self.vectors, self.network = vectors, network

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        pages = [self.vectors(batch[name]) for name in ("trigger", "history", "candidates")]
        known = (batch["history"] > 0).float()
        scores = self.network(pages[0], pages[1], known, pages[2], batch["features"])
        target = torch.zeros(len(scores), dtype=torch.int64)  # the chosen page comes first
        return {"session": nn.functional.cross_entropy(scores + batch["prior"], target)}


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained network and the vectors that it reads."""

    network: Network
    vectors: PageVectors
    curve: Curve

    def scores(self, trigger: Rows, history: Rows, candidates: Rows) -> Floats:
        """Return scores [b, c] of candidates for triggers [b] and ways [b, HISTORY], all as rows."""
        inputs = self.vectors.inputs(trigger, history, candidates).values()
        with torch.no_grad():
            found: Floats = self.network(*map(torch.from_numpy, inputs)).numpy()
        return found

    def save(self, directory: Path) -> None:
        """Write what `ranking.session.score` opens. Raises ParityError."""
        for name in ("pages", "vectors", "clicks"):
            np.save(directory / f"{name}.npy", getattr(self.vectors, name))
        inputs = {name: torch.from_numpy(value) for name, value in _example(self.vectors).items()}
        axes = {name: {1: "count"} for name in ("candidates", "features", "scores")}
        export_of(self.network, directory / "model.onnx", inputs, ["scores"], axes)
        with torch.no_grad():
            expected = self.network(*inputs.values()).numpy()
        (found,) = OnnxModel(directory / "model.onnx", 1).run(_example(self.vectors))
        if not np.allclose(found, expected, atol=_TOLERANCE):
            raise ParityError(f"session/model.onnx differs from torch by {np.abs(found - expected).max():.1e}")


def train(
    pages: NDArray[np.uint64],
    clicks: NDArray[np.integer],
    text: NDArray[np.floating],
    examples: Examples,
    followers: Followers,
    config: SessionConfig,
    seed: int,
    progress: Callable[[int], None],
) -> Trained:
    """Return the network, trained on the examples; `pages` ascend, `text` [pages, d] and `clicks` have their order."""
    torch.manual_seed(seed)
    vectors = Vectors(text, config)
    width = config.id_dimension + config.text_dimension
    network = NETWORKS[config.network](width, len(FEATURES), HISTORY)
    logs = log_clicks(clicks)

    def draw(step: int) -> Batch:
        rows = rows_of_step(seed, step, len(examples), config.batch)
        return _batch(examples.take(rows), followers, logs, config.candidates, np.random.default_rng((seed, step, 1)))

    loss, schedule = _Loss(vectors, network), Schedule(batches(config, len(examples)))
    curve = fit(loss, [(list(loss.parameters()), config.rate)], draw, schedule, None, progress)
    loss.eval()
    with torch.no_grad():
        parts = [vectors(rows) for rows in torch.arange(len(pages) + 1).split(1 << 14)]
    return Trained(network, PageVectors(pages, torch.cat(parts).numpy().astype(np.float16), logs), curve)


def batches(config: SessionConfig, examples: int) -> int:
    """Return how many batches training takes."""
    return max(1, min(config.draws, config.passes * examples) // config.batch)


def _batch(
    examples: Examples, followers: Followers, logs: Floats, candidates: int, generator: np.random.Generator
) -> Batch:
    """Return a batch: of each example the chosen page first, then followers of the trigger drawn at random.

    An example does not count in its own prior.
    """
    chosen, trigger = examples.chosen, examples.trigger
    all_pages, all_counts = followers.pages[trigger], followers.counts[trigger]
    own = all_pages == chosen[:, None]
    own_count = np.where(own.any(axis=1), np.maximum((all_counts * own).sum(axis=1) - 1, 0), 0)
    drawn = np.argsort(generator.random(all_pages.shape) + own, axis=1)[:, : candidates - 1]  # the chosen one last
    others = np.take_along_axis(all_pages, drawn, axis=1)
    rows = np.concatenate([chosen[:, None], others], axis=1)
    counts = np.concatenate([own_count[:, None], np.take_along_axis(all_counts, drawn, axis=1)], axis=1)
    prior = np.log(counts + _ABSENT).astype(np.float32)
    prior[:, 1:][(others == 0) | (others == chosen[:, None])] = -1e4  # no candidate
    inputs = {
        "trigger": trigger, "history": examples.history, "candidates": rows,
        "features": features(trigger, examples.history, rows, logs), "prior": prior,
    }  # fmt: skip
    return {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in inputs.items()}


def _example(vectors: PageVectors) -> dict[str, Floats]:
    rows = np.arange(len(vectors.vectors))
    history, candidates = np.resize(rows, (1, HISTORY)), np.resize(rows[::-1], (1, 7))
    return vectors.inputs(rows[-1:], history, candidates)
