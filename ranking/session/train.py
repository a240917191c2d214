"""Trains a session network on the steps of sessions, and exports it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ranking.session.config import HISTORY, SessionConfig
from ranking.session.inputs import FEATURES, Floats, PageVectors, Rows, log_clicks, nearness, scaled
from ranking.session.inputs import counts as counts_of
from ranking.session.networks import NETWORKS, Network
from ranking.session.score import ARRAYS
from text_model.distributed import alone
from text_model.export import export_of
from text_model.session import OnnxModel
from text_model.training import Batch, Curve, Schedule, fit, rows_of_step

_TOLERANCE = 1e-3
_PART = 1 << 16  # pages
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

    def among(self, examples: Examples) -> Examples:
        """Return the examples whose chosen page is one of them: the count of any other is not known."""
        parts = np.array_split(np.arange(len(examples)), 1 + len(examples) // _PART)
        known = [(self.pages[examples.trigger[part]] == examples.chosen[part, None]).any(axis=1) for part in parts]
        return examples.take(np.flatnonzero(np.concatenate(known)))


class Learnt(nn.Module):
    """What training learns of each page: [n] rows -> [n, width], zeros for row 0.

    A `hidden` share is left out in training, so that the network also knows what to do without.
    """

    def __init__(self, pages: int, width: int, hidden: float) -> None:
        super().__init__()
        self.table = nn.Embedding(pages + 1, width, padding_idx=0)
        nn.init.zeros_(self.table.weight)
        nn.init.normal_(self.table.weight[1:], std=0.05)
        self._hidden = hidden

    def forward(self, rows: Tensor) -> Tensor:
        """Return the vectors."""
        found: Tensor = self.table(rows)
        return found * (torch.rand(*rows.shape, 1) >= self._hidden) if self.training else found


class _Loss(nn.Module):
    """Cross-entropy of the chosen page among followers of the trigger, on top of how often readers go there.

    So the network learns what the way adds to the trigger's own counts.
    """

    def __init__(self, learnt: Learnt, text: Floats, network: Network) -> None:
        super().__init__()
        self.learnt, self.network = learnt, network
        self.text = text  # read per batch

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        rows = [batch[name] for name in ("trigger", "history", "candidates")]
        texts = [self.text[each.numpy()] for each in rows]
        trigger, history, candidates = (
            torch.cat([self.learnt(each), torch.from_numpy(scaled(text))], dim=-1)
            for each, text in zip(rows, texts, strict=True)
        )
        known = rows[1] > 0
        near = torch.from_numpy(nearness(texts[0], texts[1], texts[2], known.numpy()))
        features = torch.cat([batch["counts"], near], dim=-1)
        scores = self.network(trigger, history, known.float(), candidates, features)
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
        for name in ARRAYS:
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
    start: Trained | None = None,
) -> Trained:
    """Return the network, trained on the examples; `pages` ascend, `text` [pages, d] and `clicks` have their order.

    From `start`, a network of the same pages, training only goes on.
    """
    torch.manual_seed(seed)
    said = text_vectors(text, config.text_dimension)
    learnt = Learnt(len(pages), config.id_dimension, hidden_share(config, len(examples), len(pages)))
    network = NETWORKS[config.network](config.id_dimension + said.shape[1], len(FEATURES), HISTORY)
    if start is not None:
        network.load_state_dict(start.network.state_dict())
        learnt.table.weight.data.copy_(torch.from_numpy(start.vectors.learnt))
    logs = log_clicks(clicks)

    def draw(step: int) -> Batch:
        rows = rows_of_step(seed, step, len(examples), config.batch)
        return _batch(examples.take(rows), followers, logs, config.candidates, np.random.default_rng((seed, step, 1)))

    loss, schedule = _Loss(learnt, said, network), Schedule(batches(config, len(examples), start is not None))
    with alone():  # its text and features are read on the CPU, and only the first of several processes trains
        curve = fit(loss, [(list(loss.parameters()), config.rate)], draw, schedule, None, progress)
    loss.eval()
    with torch.no_grad():
        table = learnt.table.weight.numpy()
    seen = np.unique(np.concatenate([examples.trigger, examples.chosen, examples.history.ravel()]))
    kept = np.zeros(table.shape, np.float16)
    kept[seen] = table[seen]
    kept[0] = 0
    return Trained(network, PageVectors(pages, said.astype(np.float16), kept, logs), curve)


def hidden_share(config: SessionConfig, examples: int, pages: int) -> float:
    """Return the share of pages whose learnt half is hidden in training: the fewer steps a page has, the more."""
    return 1 / (1 + examples / max(1, pages) / config.trusted_steps)


def text_vectors(text: NDArray[np.floating], width: int) -> Floats:
    """Return what pages' texts say in at most `width` numbers, of length 1, with zeros for an unknown page first.

    They are the first principal directions of the encoder's vectors, which are read three times, part by part.
    """

    def parts() -> Iterator[Floats]:
        for at in range(0, len(text), _PART):
            yield _unit(text[at : at + _PART].astype(np.float32))

    size = text.shape[1]
    mean = sum((part.sum(axis=0) for part in parts()), np.zeros(size, np.float32)) / max(1, len(text))
    spread = sum((np.matmul((part - mean).T, part - mean) for part in parts()), np.zeros((size, size), np.float32))
    directions = np.linalg.eigh(spread)[1][:, ::-1][:, :width]
    unknown = np.zeros((1, directions.shape[1]), np.float32)
    return np.concatenate([unknown, *(_unit((part - mean) @ directions) for part in parts())])


def _unit(vectors: Floats) -> Floats:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)


def batches(config: SessionConfig, examples: int, goes_on: bool = False) -> int:
    """Return how many batches training takes."""
    share = config.update_share if goes_on else 1.0
    return max(1, int(share * min(config.draws, config.passes * examples)) // config.batch)


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
        "counts": counts_of(trigger, examples.history, rows, logs), "prior": prior,
    }  # fmt: skip
    return {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in inputs.items()}


def _example(vectors: PageVectors) -> dict[str, Floats]:
    rows = np.arange(len(vectors.clicks))
    history, candidates = np.resize(rows, (1, HISTORY)), np.resize(rows[::-1], (1, 7))
    return vectors.inputs(rows[-1:], history, candidates)
