from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cascade.types import Candidates, Query
from ranking.lightgbm.score import LightGbmScorer
from ranking.lightgbm.train import Groups, LightGbmConfig, enough_rows, train, write_untrained

NAMES = ("signal", "noise")
CONFIG = LightGbmConfig(trees=30, leaves=7, smallest_leaf=5)


def groups(positions: bool = False, count: int = 60, size: int = 8) -> Groups:
    """Return groups in which the row with the highest signal is the best; readers also click the first rows."""
    generator = np.random.default_rng(0)
    features = generator.normal(size=(count * size, 2)).astype(np.float32)
    best = features[:, 0].reshape(count, size).argmax(1) + np.arange(count) * size
    gain = np.zeros(count * size, np.float32)
    gain[best] = 1.0
    place = np.tile(np.arange(size, dtype=np.int32), count)
    if positions:
        gain[place == 0] = 1.0
    sizes, weight = np.full(count, size, np.int32), np.ones(count, np.float32)
    return Groups(features, gain, sizes, weight, place if positions else None)


def fitted(path: Path, of: Groups, config: LightGbmConfig = CONFIG) -> LightGbmScorer:
    train(of, NAMES, config, 0, path, lambda done: None)
    return LightGbmScorer("stage1", path, NAMES)


def test_the_ranker_learns_which_rows_are_best(tmp_path: Path) -> None:
    of = groups()
    scores = fitted(tmp_path / "model.txt", of).predict(of.features)
    assert scores.dtype == np.float32
    assert (scores.reshape(-1, 8).argmax(1) == of.gain.reshape(-1, 8).argmax(1)).mean() > 0.9


def test_positions_are_used_in_training(tmp_path: Path) -> None:
    of = groups(positions=True)
    scores = fitted(tmp_path / "model.txt", of).predict(of.features)
    assert np.corrcoef(scores, of.features[:, 0])[0, 1] > 0.5


def test_the_same_seed_writes_the_same_model(tmp_path: Path) -> None:
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    fitted(first, groups())
    fitted(second, groups())
    assert first.read_bytes() == second.read_bytes()


def test_progress_is_reported_per_tree(tmp_path: Path) -> None:
    done: list[int] = []
    train(groups(), NAMES, CONFIG, 0, tmp_path / "model.txt", done.append)
    assert done == [*range(1, 31)]


def test_a_model_with_other_features_is_rejected(tmp_path: Path) -> None:
    fitted(tmp_path / "model.txt", groups())
    with pytest.raises(ValueError, match=r"model\.txt was trained on other features than this version computes"):
        LightGbmScorer("stage1", tmp_path / "model.txt", ("noise", "signal"))


def test_nan_features_give_finite_scores(tmp_path: Path) -> None:
    scorer = fitted(tmp_path / "model.txt", groups())
    assert np.isfinite(scorer.predict(np.full((2, 2), np.nan, np.float32))).all()


def test_no_candidates_get_no_scores(tmp_path: Path) -> None:
    scorer = fitted(tmp_path / "model.txt", groups())
    assert scorer.score(Query("https://a.example/", page=1), Candidates.empty()).shape == (0,)


def test_a_ranker_without_trees_keeps_the_given_order(tmp_path: Path) -> None:
    write_untrained(NAMES, tmp_path / "model.txt")
    rows = np.random.default_rng(0).normal(size=(150, 2)).astype(np.float32)
    assert LightGbmScorer("stage1", tmp_path / "model.txt", NAMES).predict(rows).tolist() == [0.0] * 150
    started = LightGbmScorer("stage2", tmp_path / "model.txt", NAMES, start=NAMES[1])
    assert started.predict(rows).tolist() == rows[:, 1].tolist()


def test_rows_for_less_than_two_leaves_are_not_enough() -> None:
    of = groups()
    half = len(of.gain) // 2
    assert [enough_rows(of, LightGbmConfig(smallest_leaf=leaf)) for leaf in (half, half + 1)] == [True, False]
    assert not enough_rows(None, LightGbmConfig())
