"""Training of one recommender on the tiny set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ablations.knowledge.data import BLOCK, blocks, read
from ablations.knowledge.metrics import auc
from ablations.knowledge.model import Contrast, Knows, Recommender, Widths
from ablations.knowledge.train import Data, Training, positives_of, score, train
from ablations.knowledge.vectors import Knowledge

TRAINING = Training(epochs=8, patience=8, batch=8, rate=1e-2, widths=Widths(ids=8, knowledge=8, experts=2, expert=4))


@pytest.fixture
def data(movielens: Path) -> Data:
    movies, log = read(movielens, None)
    return Data(log, blocks(log), len(movies), 0)


@pytest.fixture
def knowledge(data: Data) -> Knowledge:
    random = np.random.default_rng(0)
    movies = random.normal(size=(data.movies + 1, 16)).astype(np.float32)
    movies[0] = 0
    users = movies[data.blocks.history[:, -10:]].sum(axis=1)
    return Knowledge(movies, users)


def labels(data: Data) -> np.ndarray:
    _, _, test = data.split()
    return data.blocks.labels[test][data.blocks.movies[test] > 0]


@pytest.mark.parametrize("kind", ["din", "dien", "deepfm"])
def test_every_backbone_learns(data: Data, knowledge: Knowledge, kind) -> None:
    found = train(kind, data, knowledge, True, None, None, TRAINING)
    assert auc(found.scores, labels(data)) > 0.8
    assert found.epoch == int(np.argmax(found.validation)) + 1


def test_ids_alone_learn(data: Data) -> None:
    assert auc(train("din", data, None, True, None, None, TRAINING).scores, labels(data)) > 0.8


def test_same_seed_gives_the_same_scores(data: Data, knowledge: Knowledge) -> None:
    short, alike = replace(TRAINING, epochs=1), positives_of(data)
    runs = [train("din", data, knowledge, True, Contrast(), alike, short).scores for _ in range(2)]
    assert np.array_equal(*runs)


def test_contrast_changes_what_is_learnt(data: Data, knowledge: Knowledge) -> None:
    short, alike = replace(TRAINING, epochs=1), positives_of(data)
    runs = [
        train("din", data, knowledge, True, contrast, alike, short).scores
        for contrast in (Contrast(0, 0), Contrast(0.1, 0), Contrast(0, 0.1))
    ]
    assert not np.allclose(runs[0], runs[1]) and not np.allclose(runs[0], runs[2])


def test_contrast_brings_positives_together(data: Data, knowledge: Knowledge) -> None:
    """After training on equation 2 alone, a movie's positive is nearer than before."""
    from ablations.knowledge.train import _movies_loss

    alike, contrast = positives_of(data), Contrast()
    torch.manual_seed(0)
    knows = Knows(knowledge.movies, TRAINING.widths, True)
    rows = np.arange(1, data.movies + 1)
    optimizer = torch.optim.AdamW(knows.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        loss = _movies_loss(knows(torch.arange(data.movies + 1)), rows, contrast, alike)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]


def test_equation_2_is_a_sum_or_its_mean() -> None:
    vectors = torch.nn.functional.normalize(torch.arange(12.0).reshape(4, 3) ** 2 + 1, dim=1)
    rows, positive = torch.arange(4), torch.tensor([1, 0, 3, 2])
    total, mean = (Contrast(mean=mean).loss(vectors, vectors[positive], rows, positive, 0.5) for mean in (False, True))
    assert float(mean) > 0 and torch.allclose(total, 4 * mean)


def test_test_users_labels_are_not_read(data: Data, knowledge: Knowledge) -> None:
    """What test users thought of movies changes neither weights nor epochs, and scores only by their histories."""
    _, _, test = data.split()
    first = test[data.blocks.liked[test] == 0]
    short = replace(TRAINING, epochs=2)
    before = train("din", data, knowledge, True, Contrast(), positives_of(data), short)
    data.blocks.labels[test] = 1 - data.blocks.labels[test]
    data.log.label[np.isin(data.log.user, data.blocks.user[test])] ^= 1
    after = train("din", data, knowledge, True, Contrast(), positives_of(data), short)
    assert len(first) and np.array_equal(before.scores, after.scores)
    assert before.validation == after.validation


def test_without_adapter_nothing_of_the_knowledge_is_trained(data: Data, knowledge: Knowledge) -> None:
    knows = Knows(knowledge.movies, TRAINING.widths, False)
    assert not list(knows.parameters())
    found = knows(torch.arange(1, 4))
    assert torch.allclose(found.norm(dim=1), torch.ones(3))


def test_unknown_movie_has_no_knowledge(data: Data, knowledge: Knowledge) -> None:
    for adapted in (True, False):
        assert not Knows(knowledge.movies, TRAINING.widths, adapted)(torch.zeros(1, dtype=torch.int64)).any()


def test_scores_are_of_counted_ratings(data: Data, knowledge: Knowledge) -> None:
    model = Recommender("din", data.movies, data.log.sizes, knowledge, TRAINING.widths, True)
    rows = np.arange(len(data.blocks.user))
    assert len(score(model, data, rows)) == len(data.log.user) < len(rows) * BLOCK
