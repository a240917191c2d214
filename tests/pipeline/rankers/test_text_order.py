"""Without a log: who ranks, and how much quality weighs; over the tiny corpus's steps without its clicks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import BuildConfig
from pipeline.log.events import STEPS
from pipeline.rankers import event_source
from pipeline.rankers.text_order import above_the_text, by_text
from pipeline.rankers.text_weight import orders_by_text, weight_note, weight_of_quality
from pipeline.rankers.training import fit_ranker
from pipeline.runner.work import Work
from ranking.features import STAGE1, STAGE2
from ranking.lightgbm.references import TEXT_ORDER
from ranking.lightgbm.score import LightGbmScorer
from ranking.lightgbm.train import Groups, LightGbmConfig

CONFIG = LightGbmConfig(trees=10, leaves=7, smallest_leaf=5)
SIZE, PAGES = 10, 100


def groups(chosen: int, names: tuple[str, ...] = STAGE1) -> Groups:
    """Groups of ten rows with rising text scores, of which one place is chosen."""
    features = np.random.default_rng(0).random((PAGES * SIZE, len(names))).astype(np.float32)
    features[:, names.index(TEXT_ORDER)] = np.tile(np.arange(SIZE) / SIZE, PAGES)
    features[:, names.index("related_mentioned")] = 0
    gain = np.tile(np.eye(1, SIZE, chosen, dtype=np.float32)[0], PAGES)
    return Groups(features, gain, np.full(PAGES, SIZE, np.int32), np.ones(PAGES, np.float32))


def work_of(tmp_path: Path, source: str, learnt: int, noted: str = event_source.NOTHING) -> Work:
    """A build whose labels are of one source, and whose rankers learnt that one place is the best."""
    for step in ("labels", "stage1"):
        (tmp_path / step).mkdir()
    pq.write_table(pa.table({"source": [source]}), tmp_path / "labels" / "labels.parquet")
    event_source.note(tmp_path / "stage1", noted)
    work = Work(BuildConfig(), tmp_path, tmp_path)
    for file in ("without0.txt", "without1.txt", "model.txt"):
        fit_ranker(work, groups(learnt), STAGE1, CONFIG, file)
    return work


def compared(work: Work, chosen: int) -> dict[str, object]:
    held_out = [(groups(chosen), f"without{half}.txt") for half in (0, 1)]
    return above_the_text(work, held_out, STAGE1, "model.txt")


def test_a_ranker_that_beats_the_text_on_people_s_labels_ranks(tmp_path: Path) -> None:
    work = work_of(tmp_path, "input", learnt=4)
    figures = compared(work, chosen=4)
    assert "text_order" not in figures
    assert LightGbmScorer.load("stage1", tmp_path / "model.txt", STAGE1).trees == 10
    (note,) = by_text(figures)
    assert note.startswith("stage 1 beats the order of text (NDCG@5 1.000 and ")
    assert "held-out labels of 200 pages" in note


@pytest.mark.parametrize("learnt", [0, 9], ids=["below", "no better"])
def test_a_ranker_that_does_not_beat_it_is_replaced(tmp_path: Path, learnt: int) -> None:
    figures = compared(work_of(tmp_path, "input", learnt), chosen=9)
    served = LightGbmScorer.load("stage1", tmp_path / "model.txt", STAGE1)
    rows = groups(9).features
    assert served.predict(rows).tolist() == rows[:, STAGE1.index(TEXT_ORDER)].tolist()
    assert figures["trees"] == 0
    (note,) = by_text(figures)
    assert note.startswith("stage 1 does not beat the order of text")


def test_a_ranker_without_trees_leaves_the_order_to_the_text(tmp_path: Path) -> None:
    work = work_of(tmp_path, "input", learnt=0)
    for file in ("without0.txt", "without1.txt"):
        fit_ranker(work, None, STAGE1, replace(CONFIG), file)
    figures = compared(work, chosen=9)
    assert figures == {"text_order": True, "trees": 0}
    (note,) = by_text(figures)
    assert note.startswith("stage 1 learnt nothing: candidates are ordered by their text")


def candidates(good: bool, pages: int = PAGES) -> tuple[np.ndarray, np.ndarray]:
    """Candidates of which the best by text is named, and the quality head agrees or puts it last."""
    features = groups(0, STAGE2).features[: pages * SIZE].copy()
    place = np.tile(np.arange(SIZE), pages)
    features[:, STAGE2.index(TEXT_ORDER)] = place
    features[:, STAGE2.index("related_mentions")] = place == SIZE - 1
    features[:, STAGE2.index("quality")] = place if good else place < SIZE - 1
    return features, np.full(pages, SIZE)


@pytest.mark.parametrize(("good", "pages", "expected"), [(True, 100, 0.32), (False, 100, 0.0), (False, 49, 0.32)])
def test_quality_weighs_no_more_than_references_allow(tmp_path: Path, good: bool, pages: int, expected: float) -> None:
    work = work_of(tmp_path, "rubric", learnt=0)
    weight, figures = weight_of_quality(work, *candidates(good, pages))
    assert weight == expected
    assert bool(weight_note({"quality_weight": weight, **figures})) == (weight < 0.32)


@pytest.mark.parametrize(("source", "noted"), [("input", event_source.NOTHING), ("rubric", STEPS)])
def test_with_people_s_labels_or_a_log_references_do_not_choose_the_weight(
    tmp_path: Path, source: str, noted: str
) -> None:
    for name in ("neither", "either"):
        (tmp_path / name).mkdir()
    assert orders_by_text(work_of(tmp_path / "neither", "rubric", learnt=0))
    assert not orders_by_text(work_of(tmp_path / "either", source, learnt=0, noted=noted))


def test_without_candidates_the_weight_is_the_configured_one(tmp_path: Path) -> None:
    work = work_of(tmp_path, "rubric", learnt=0)
    assert weight_of_quality(work, np.empty((0, len(STAGE2)), np.float32), np.empty(0, np.int64)) == (0.32, {})
