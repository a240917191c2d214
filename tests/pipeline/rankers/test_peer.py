"""A ranker no better than the order of transition counts on held-out groups is replaced by it; the build says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.config import BuildConfig
from pipeline.rankers.peer import below_peer, not_below_the_peer
from pipeline.rankers.training import fit_ranker
from pipeline.runner.work import Work
from ranking.features import STAGE1
from ranking.lightgbm.peer import PEER
from ranking.lightgbm.score import LightGbmScorer
from ranking.lightgbm.train import Groups, LightGbmConfig

CONFIG = LightGbmConfig(trees=10, leaves=7, smallest_leaf=5)


def groups(chosen: int) -> Groups:
    """Groups of ten rows with rising shares of transitions, of which one place is chosen."""
    generator = np.random.default_rng(0)
    features = generator.random((1000, len(STAGE1))).astype(np.float32)
    features[:, STAGE1.index(PEER)] = np.tile(np.arange(10) / 10, 100)
    gain = np.tile(np.eye(1, 10, chosen, dtype=np.float32)[0], 100)
    return Groups(features, gain, np.full(100, 10, np.int32), np.ones(100, np.float32))


def trained(tmp_path: Path, learnt: int) -> Work:
    work = Work(BuildConfig(), tmp_path, tmp_path)
    fit_ranker(work, groups(learnt), STAGE1, CONFIG, "model.txt")
    return work


def test_a_ranker_that_learned_the_wrong_thing_is_replaced(tmp_path: Path) -> None:
    work, held_out = trained(tmp_path, learnt=0), groups(chosen=9)
    figures = not_below_the_peer(work, [(held_out, "model.txt")], STAGE1)
    served = LightGbmScorer.load("stage1", tmp_path / "model.txt", STAGE1)
    assert served.predict(held_out.features).tolist() == held_out.features[:, STAGE1.index(PEER)].tolist()
    (note,) = below_peer({"stage1": figures, "stage2": {}})
    assert note.startswith("stage1 was no better than the order of transition counts on held-out pages (NDCG@5 0.")
    assert note.endswith("that order replaces it")


def test_a_ranker_that_beats_its_peer_stays_without_a_note(tmp_path: Path) -> None:
    work = trained(tmp_path, learnt=4)
    figures = not_below_the_peer(work, [(groups(chosen=4), "model.txt")], STAGE1)
    assert LightGbmScorer.load("stage1", tmp_path / "model.txt", STAGE1).trees == 10
    assert list(below_peer({"stage1": figures, "stage2": {}})) == []


def test_a_ranker_that_only_equals_its_peer_is_replaced_by_the_simpler_order(tmp_path: Path) -> None:
    work = trained(tmp_path, learnt=9)
    figures = not_below_the_peer(work, [(groups(chosen=9), "model.txt")], STAGE1)
    assert figures["trees"] == 0
    (note,) = below_peer({"stage1": {}, "stage2": figures})
    assert note.startswith("stage2 was no better than the order of transition counts")


def test_without_held_out_groups_nothing_is_compared(tmp_path: Path) -> None:
    assert not_below_the_peer(trained(tmp_path, learnt=0), [(None, "model.txt")], STAGE1) == {}


def test_a_ranker_without_trees_is_not_compared(tmp_path: Path) -> None:
    work = Work(BuildConfig(), tmp_path, tmp_path)
    fit_ranker(work, groups(0), STAGE1, replace(CONFIG, smallest_leaf=9999), "model.txt")
    assert not_below_the_peer(work, [(groups(9), "model.txt")], STAGE1) == {}
