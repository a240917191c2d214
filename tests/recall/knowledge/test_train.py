from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recall.knowledge.build import adapted
from recall.knowledge.config import KnowledgeConfig
from recall.knowledge.train import Evidence, Objective, info_nce, positives, train
from text_model.training import Batch

WIDTH = 16
CONFIG = KnowledgeConfig(dimension=8, hidden=8, experts=3, batch=64, steps=60, visits=1_000, dropout=0.0)


def ignored(done: int) -> None:
    """No progress is shown."""


def evidence(pairs: Sequence[tuple[int, int, float, float]]) -> Evidence:
    """Return pairs of (page1, page2, near, swing)."""
    page1, page2, near, swing = (np.array(column) for column in zip(*pairs, strict=True))
    return Evidence(page1.astype(np.int64), page2.astype(np.int64), near.astype(np.float64), swing.astype(np.float64))


NOTHING = Evidence(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0))
PAIRS = st.dictionaries(
    st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(lambda pair: pair[0] != pair[1]),
    st.integers(0, 3).map(float),
    min_size=1,
)


@given(swings=PAIRS, most=st.integers(1, 4))
def test_positives_are_the_pages_with_the_highest_swing(swings: dict[tuple[int, int], float], most: int) -> None:
    page, other = positives(evidence([(*pair, 0.0, swing) for pair, swing in swings.items()]), most)
    found = list(zip(page.tolist(), other.tolist(), strict=True))
    expected = []
    for one in range(7):
        own = [(-swing, two) for (first, two), swing in swings.items() if first == one and swing > 0]
        expected += [(one, two) for _, two in sorted(own)[:most]]
    assert found == expected


def test_info_nce_is_equation_2_with_the_sum_outside_the_exponential() -> None:
    u = torch.nn.functional.normalize(torch.tensor([[1.0, 0.2], [0.1, 1.0], [-1.0, 0.4]]), dim=1)
    p = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [0.3, 1.0], [-1.0, 1.0]]), dim=1)
    expected = 0.0
    for j in range(3):
        every = sum(math.exp(float(u[other] @ p[j]) / 0.15) for other in range(3))
        expected -= math.log(math.exp(float(u[j] @ p[j]) / 0.15) / every) / 3
    loss = info_nce(u, p, torch.tensor([0, 1, 2]), torch.tensor([3, 4, 5]), 0.15)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_the_positive_itself_is_no_negative() -> None:
    u = torch.eye(2)
    loss = info_nce(u, u, torch.tensor([0, 1]), torch.tensor([1, 0]), 1.0)  # each is the other's positive
    assert loss.item() == pytest.approx(0.0, abs=1e-6)


def test_the_adapter_moves_pages_of_the_same_readers_together_and_text_alike_with_them() -> None:
    generator = np.random.default_rng(0)
    kinds = generator.normal(size=(4, WIDTH))
    kind = np.arange(200) % 4
    embeddings = (kinds[kind] + 0.5 * generator.normal(size=(200, WIDTH))).astype(np.float32)
    known = [(a, b) for a in range(100) for b in range(100) if a != b and {kind[a], kind[b]} in ({0, 1}, {2, 3})]
    adapter, curve = train(embeddings, evidence([(a, b, 1.0, 1.0) for a, b in known]), CONFIG, 0, ignored)
    assert curve.losses["click"][-1] < curve.losses["click"][0]
    assert curve.losses["contrast"][-1] < curve.losses["contrast"][0]
    new = adapted(adapter, embeddings)[100:]  # no reader has seen these
    cosine, own = new @ new.T, kind[100:]
    pairs = (own[:, None] // 2 == own[None, :] // 2) & (own[:, None] != own[None, :])
    apart = own[:, None] // 2 != own[None, :] // 2
    untrained = adapted(train(embeddings, NOTHING, CONFIG, 0, ignored)[0], embeddings)[100:]
    before = untrained @ untrained.T
    assert cosine[pairs].mean() - cosine[apart].mean() > before[pairs].mean() - before[apart].mean() + 0.2


def test_without_a_log_the_adapter_turns_the_embeddings_alone() -> None:
    embeddings = np.random.default_rng(0).normal(size=(40, WIDTH)).astype(np.float32)
    embeddings[3] = 0
    adapter, curve = train(embeddings, NOTHING, KnowledgeConfig(dimension=WIDTH), 0, ignored)
    vectors = adapted(adapter, embeddings)
    unit = embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-9)
    assert curve.steps == 0
    assert vectors @ vectors.T == pytest.approx(unit @ unit.T, abs=1e-5)
    assert not vectors[3].any()  # a page without text is near none


def test_the_same_seed_gives_the_same_adapter() -> None:
    embeddings = np.random.default_rng(0).normal(size=(40, WIDTH)).astype(np.float32)
    pairs = evidence([(n, (n + 7) % 40, 1.0, float(n % 3)) for n in range(40)])
    one, two, other = (adapted(train(embeddings, pairs, CONFIG, seed, ignored)[0], embeddings) for seed in (0, 0, 1))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_losses_without_weight_or_pairs_are_left_out() -> None:
    embeddings = np.random.default_rng(0).normal(size=(40, WIDTH)).astype(np.float32)
    clicks = evidence([(n, (n + 7) % 40, 1.0, 0.0) for n in range(40)])
    swings = evidence([(n, (n + 7) % 40, 1.0, 1.0) for n in range(40)])
    short = KnowledgeConfig(dimension=8, steps=2, batch=8)
    contrast = KnowledgeConfig(dimension=8, steps=2, batch=8, click_weight=0.0)
    assert set(train(embeddings, clicks, short, 0, ignored)[1].losses) == {"click"}
    assert set(train(embeddings, swings, contrast, 0, ignored)[1].losses) == {"contrast"}


def test_the_loss_is_weighted_as_in_equation_3() -> None:
    class Same(torch.nn.Module):
        def forward(self, embeddings: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.normalize(embeddings, dim=-1)

    part: Batch = {
        "one": torch.eye(3), "two": torch.eye(3).roll(1, 0) + torch.eye(3), "page": torch.tensor([0, 1, 2]),
        "other": torch.tensor([3, 4, 5]), "log_q": torch.zeros(3),
    }  # fmt: skip
    once = Objective(Same(), KnowledgeConfig(contrast_weight=1.0))({"click": part, "contrast": part})  # type: ignore[arg-type]
    half = Objective(Same(), KnowledgeConfig(contrast_weight=0.5))({"click": part, "contrast": part})  # type: ignore[arg-type]
    assert half["contrast"].item() == pytest.approx(once["contrast"].item() / 2)
    assert half["click"].item() == pytest.approx(once["click"].item())


def test_pairs_of_hidden_pages_teach_nothing() -> None:
    pairs = evidence([(0, 1, 1.0, 1.0), (1, 2, 1.0, 1.0), (2, 3, 1.0, 1.0), (3, 0, 1.0, 1.0)])
    left = pairs.without(np.array([False, True, False, False]))
    assert list(zip(left.page1.tolist(), left.page2.tolist(), strict=True)) == [(2, 3), (3, 0)]
