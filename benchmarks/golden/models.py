"""A judge of golden pairs, its training and its scores: the product's encoder, pair features, losses and loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.golden.cache import Tokens
from ranking.cross_encoder.examples import Triplets
from ranking.cross_encoder.losses import centred, class_loss
from ranking.cross_encoder.model import QUALITY_CLASSES, expected_quality, pair_feature_width, pair_features
from ranking.teachers.adapt import AdaptationConfig, adapt
from text_model.base import load_encoder
from text_model.distributed import world
from text_model.masked import MaskedTexts
from text_model.pair_encoder import PairEncoder
from text_model.tokens import pair_inputs
from text_model.training import Batch, Schedule, fit, to_device

_SCALE = 8.0  # of extra features: as the cosine's among the heads' features
_BATCH = 64

#: (rows of page 1, rows of page 2) -> (pairs, features) float32.
Extra = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Shape:
    """How a judge is made and trained."""

    encoder: str = "minilm"
    tokens: int = 126  # per page
    joint: int = 2
    frozen: int = 4
    deep: bool = False  # the teachers' head, with one more layer
    extras: int = 0
    steps: int = 130
    labels: int = 32  # per step
    given: float = 0.6  # share of them that people gave
    rate: float = 5e-5
    head_rate: float = 1e-3
    average: float = 0.0  # share of the steps whose weights are averaged
    ranked: float = 0.0  # weight of the pairwise loss between the labels of a step
    swap: bool = False  # train on both orders of a pair, and average both scores
    adapted: int = 0  # steps of masked language modelling on the fold's own articles, before
    pool: int = 0  # pairs with a teacher's logits per step, besides the labels


class Judge(nn.Module):
    """An encoder of pairs under one head of five classes, which may read further features of a pair."""

    def __init__(self, cache: Path, shape: Shape) -> None:
        super().__init__()
        self.encoder = PairEncoder(load_encoder(str(cache / shape.encoder)), shape.joint)
        self.tokens = Tokens.load(cache / shape.encoder / "tokens.npz", shape.tokens)
        self.encoder.freeze(shape.frozen)
        width, read = self.encoder.width, pair_feature_width(self.encoder.width) + shape.extras
        hidden = [nn.Linear(width, width), nn.GELU()] if shape.deep else []
        self.head = nn.Sequential(nn.Linear(read, width), nn.GELU(), *hidden, nn.Linear(width, QUALITY_CLASSES))

    def forward(self, batch: Batch) -> Tensor:
        """Return logits (rows, 5)."""
        texts = {name: value for name, value in batch.items() if name != "extra"}
        features = pair_features(self.encoder(**texts))
        return self.head(torch.cat([features, _SCALE * batch["extra"]], dim=-1))

    def inputs(self, page1: NDArray[np.int64], page2: NDArray[np.int64], extra: Extra) -> dict[str, Tensor]:
        """Return the padded pairs."""
        first, second = ([self.tokens.ids[row] for row in rows] for rows in (page1, page2))
        found = pair_inputs(first, second, self.tokens.marks)
        return {name: torch.from_numpy(value) for name, value in (*found.items(), ("extra", extra(page1, page2)))}


class Learning(nn.Module):
    """Soft CE of the labels, the order of the labels in a step, and MSE from a teacher's logits."""

    def __init__(self, judge: Judge, ranked: float) -> None:
        super().__init__()
        self.judge, self.ranked = judge, ranked

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the losses by name."""
        losses: dict[str, Tensor] = {}
        if "labels" in batch:
            logits, quality = self.judge(batch["labels"]), batch["quality"]
            losses["quality"] = class_loss(logits, quality, "sce")
            if self.ranked:
                losses["order"] = self.ranked * in_order(expected_quality(logits.float()), quality)
        if "pool" in batch:
            losses["teacher"] = functional.mse_loss(centred(self.judge(batch["pool"])), centred(batch["logits"]))
        return losses


def in_order(score: Tensor, quality: Tensor) -> Tensor:
    """Return the mean logistic loss of all two rows whose labels differ: what pairwise accuracy counts."""
    above = quality[:, None] - quality[None] > 0.1
    apart = score[:, None] - score[None]
    return functional.softplus(-2 * apart[above]).mean() if above.any() else score.sum() * 0


def adapt_to(judge: Judge, shape: Shape, articles: NDArray[np.int64], seed: int) -> None:
    """Adapt the encoder to the text of some articles, as the step `adaptation` does for a site without a log."""
    ids, none = [judge.tokens.ids[row] for row in articles], np.empty(0, np.int64)
    texts = MaskedTexts(ids, judge.tokens.marks, judge.tokens.mask, judge.encoder.words)
    log = Triplets(none, none, none, none.astype(np.float32))
    config = AdaptationConfig(steps=shape.adapted, texts=32)
    judge.encoder.requires_grad_(True)
    adapt(judge.encoder, lambda page1, page2: {}, texts, log, config, seed, None, lambda done: None)
    judge.encoder.freeze(shape.frozen)


def train(judge: Judge, shape: Shape, draw: Callable[[int], Batch]) -> None:
    """Train in place."""
    judge.eval()
    body = [parameter for parameter in judge.encoder.parameters() if parameter.requires_grad]
    groups = [(body, shape.rate), (list(judge.head.parameters()), shape.head_rate)]
    schedule = Schedule(shape.steps, 0, shape.average)
    fit(Learning(judge, shape.ranked), groups, draw, schedule, None, lambda done: None)


@torch.inference_mode()
def logits_of(
    judge: Judge, shape: Shape, page1: NDArray[np.int64], page2: NDArray[np.int64], extra: Extra
) -> NDArray[np.float32]:
    """Return the logits (pairs, 5); with `swap` the mean of both orders."""
    if shape.swap:
        plain = Shape(encoder=shape.encoder)
        return (logits_of(judge, plain, page1, page2, extra) + logits_of(judge, plain, page2, page1, extra)) / 2
    device, parts = world().device, []
    judge.eval().to(device)
    for start in range(0, len(page1), _BATCH):
        part = slice(start, start + _BATCH)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            parts.append(judge(to_device(judge.inputs(page1[part], page2[part], extra), device)).float().cpu().numpy())
    judge.to("cpu")  # several processes may share a GPU
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return np.concatenate(parts)
