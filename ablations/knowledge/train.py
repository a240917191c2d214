"""Trains one recommender: equation 3 on the training users, as many epochs as the validation users ask for."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ablations.knowledge.data import Blocks, Log, Rows, folds, numbers, of_users
from ablations.knowledge.metrics import auc
from ablations.knowledge.model import Contrast, Recommender, Widths
from ablations.knowledge.swing import likes, positives
from ablations.knowledge.vectors import Knowledge
from ranking.session.config import Kind

_AT_ONCE = 512  # blocks that are scored at a time


@dataclass(frozen=True, slots=True)
class Training:
    """How all rows are trained; chosen on validation users."""

    epochs: int = 8  # at most
    patience: int = 1  # epochs without a better AUC of the validation users, after which training ends
    batch: int = 256  # blocks of eight ratings
    rate: float = 2e-3
    decay: float = 0.1  # of weights
    widths: Widths = field(default_factory=Widths)


@dataclass(frozen=True, slots=True)
class Data:
    """What all rows of one seed share."""

    log: Log
    blocks: Blocks
    movies: int
    seed: int

    def split(self) -> tuple[Rows, Rows, Rows]:
        """Return the blocks that train, validate and test."""
        train, validation, test = (of_users(self.blocks, users) for users in folds(len(self.log.attributes), self.seed))
        return train, validation, test


@dataclass(frozen=True, slots=True)
class Positives:
    """The positive sample of each movie and user, -1 for none; of training users alone."""

    movies: Rows  # [movies + 1], rows of movies
    users: Rows  # [users], users
    last: Rows  # [users], each user's last block


def positives_of(data: Data) -> Positives:
    """Return who and what is alike by Swing, from what training users liked."""
    train, _, _ = folds(len(data.log.attributes), data.seed)
    liked = likes(data.log, train, data.movies)
    last = np.zeros(len(data.log.attributes), np.int64)
    last[data.blocks.user] = np.arange(len(data.blocks.user))
    return Positives(positives(liked.T), positives(liked), last)


@dataclass(frozen=True, slots=True)
class Trained:
    """What a run found."""

    scores: NDArray[np.float32]  # of the test users' ratings, logits in the order of `Data.split`
    validation: list[float]  # AUC after each epoch
    epoch: int  # whose weights scored, from 1


def train(
    kind: Kind, data: Data, knowledge: Knowledge | None, adapted: bool, contrast: Contrast | None,
    alike: Positives | None, settings: Training,
) -> Trained:  # fmt: skip
    """Return the test users' scores by the weights with the best AUC of validation users."""
    torch.manual_seed(data.seed)
    model = Recommender(kind, data.movies, data.log.sizes, knowledge, settings.widths, adapted)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.rate, weight_decay=settings.decay)
    rows, validation, test = data.split()
    labels = data.blocks.labels[validation][data.blocks.movies[validation] > 0]
    found: list[float] = []
    scores = np.empty(0, np.float32)
    for epoch in range(settings.epochs):
        order = np.random.default_rng((data.seed, epoch)).permutation(rows)
        _epoch(model, optimizer, data, order, contrast, alike, settings.batch)
        found.append(auc(score(model, data, validation), labels))
        if int(np.argmax(found)) == epoch:
            scores = score(model, data, test)
        elif epoch - int(np.argmax(found)) >= settings.patience:
            break
    return Trained(scores, found, int(np.argmax(found)) + 1)


def score(model: Recommender, data: Data, rows: Rows) -> NDArray[np.float32]:
    """Return the logits of all ratings of blocks, one after another."""
    model.eval()
    with torch.no_grad():
        adapted = model.adapted_movies()
        parts = [
            _logits(model, data, rows[at : at + _AT_ONCE], adapted)[0].numpy() for at in range(0, len(rows), _AT_ONCE)
        ]
    logits: NDArray[np.float32] = np.concatenate(parts)[data.blocks.movies[rows] > 0]
    return logits


def _epoch(
    model: Recommender, optimizer: torch.optim.Optimizer, data: Data, order: Rows, contrast: Contrast | None,
    alike: Positives | None, batch: int,
) -> None:  # fmt: skip
    model.train()
    for at in range(0, len(order), batch):
        rows = order[at : at + batch]
        adapted = model.adapted_movies()
        logits, users = _logits(model, data, rows, adapted)
        counted = torch.from_numpy(data.blocks.movies[rows] > 0)
        loss = functional.binary_cross_entropy_with_logits(
            logits[counted], torch.from_numpy(data.blocks.labels[rows])[counted]
        )
        if contrast and alike and adapted is not None and users is not None:
            loss = loss + _movies_loss(adapted, data.blocks.movies[rows], contrast, alike)
            loss = loss + _users_loss(model, users, data.blocks.user[rows], contrast, alike)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _logits(model: Recommender, data: Data, rows: Rows, adapted: Tensor | None) -> tuple[Tensor, Tensor | None]:
    blocks, block = data.blocks, torch.from_numpy(rows)
    user = None if model.users is None else model.users(block)
    parts = (
        data.log.attributes[blocks.user[rows]],
        numbers(blocks.liked[rows], blocks.rated[rows]),
        blocks.history[rows],
        blocks.movies[rows],
    )
    logits: Tensor = model(*map(torch.from_numpy, parts), adapted, user)
    return logits, user


def _movies_loss(adapted: Tensor, movies: Rows, contrast: Contrast, alike: Positives) -> Tensor:
    """Return w2 · L_ii over the batch's movies that have a positive."""
    own = np.unique(movies)
    own = own[alike.movies[own] >= 0]
    own = own[torch.randperm(len(own)).numpy()][: contrast.rows]
    if not len(own):
        return torch.zeros(())
    rows, positive = torch.from_numpy(own), torch.from_numpy(alike.movies[own])
    return contrast.loss(adapted[rows], adapted[positive], rows, positive, contrast.movies)


def _users_loss(model: Recommender, users: Tensor, user: Rows, contrast: Contrast, alike: Positives) -> Tensor:
    """Return w1 · L_uu over the batch's users that have a positive, each once; a positive is as it is at its end."""
    own, first = np.unique(user, return_index=True)
    kept = alike.users[own] >= 0
    own, first = own[kept][: contrast.rows], first[kept][: contrast.rows]
    if not len(own) or model.users is None:
        return torch.zeros(())
    positive = alike.users[own]
    found = model.users(torch.from_numpy(alike.last[positive]))
    return contrast.loss(users[first], found, torch.from_numpy(own), torch.from_numpy(positive), contrast.users)
