"""What the rankers learn from, and that the blend's scale is of all candidates; over the tiny corpus's steps."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cascade.types import Candidates, Query
from pipeline.config import BuildConfig
from pipeline.log.events import IMPRESSIONS, LABELS, STEPS, label_events
from pipeline.rankers import event_source
from pipeline.rankers.blend import fit_blend
from pipeline.rankers.held_out_lists import HELD_OUT, ListRecorder, read_lists
from pipeline.rankers.snapshot import query_of, snapshot
from pipeline.rankers.stage1 import stage1
from pipeline.rankers.stage2 import stage2
from pipeline.runner.work import Work
from ranking.event import Event
from ranking.examples import hours
from ranking.features import STAGE1, STAGE2, STAGE2_START
from ranking.lightgbm.score import LightGbmScorer


def work_of(tiny, tmp_path: Path, smallest_leaf: int = 10) -> Work:
    """Return the finished steps of the tiny corpus, whose rankers are to be trained again."""
    root = tmp_path / "root"
    root.mkdir()
    for step in tiny.work.iterdir():
        if step.name not in ("stage1", "stage2", "blend", "read"):
            (root / step.name).symlink_to(step)
    (root / "read").mkdir()
    for file in (tiny.work / "read").iterdir():
        (root / "read" / file.name).symlink_to(file)
    config = BuildConfig.model_validate(tiny.bundle.manifest.config)
    leaves = {name: replace(getattr(config, name), smallest_leaf=smallest_leaf) for name in ("stage1", "stage2")}
    examples = replace(config.examples, groups=200)
    return Work(config.model_copy(update={**leaves, "examples": examples}), root, root)


def run(work: Work, step, name: str) -> dict[str, object]:
    directory = work.root / name
    directory.mkdir()
    return step(replace(work, directory=directory))


def replace_table(work: Work, name: str, table: pa.Table) -> None:
    path = work.of("read") / f"{name}.parquet"
    path.unlink()
    pq.write_table(table, path)


def without_clicks(work: Work) -> None:
    shown = pq.read_table(work.of("read") / "impressions.parquet")
    none = pa.array(np.zeros(len(shown), bool))
    replace_table(work, "impressions", shown.set_column(shown.schema.get_field_index("clicked"), "clicked", none))


def test_rankers_learn_from_session_steps_if_impressions_have_no_clicks(tiny, tmp_path: Path) -> None:
    work = work_of(tiny, tmp_path)
    without_clicks(work)
    assert run(work, stage1, "stage1")["learnt_from"] == STEPS
    assert event_source.for_stage2(work) == (STEPS,)


def test_rankers_learn_from_labels_if_filters_drop_every_step(tiny, tmp_path: Path) -> None:
    work = work_of(tiny, tmp_path)
    without_clicks(work)
    pages = pq.read_table(work.of("read") / "pages.parquet")
    english, german = (pages.filter(pa.compute.equal(pages["language"], tag))["page"] for tag in ("en", "de"))
    clicks = pq.read_table(work.of("read") / "clicks.parquet")
    clicks = clicks.filter(pa.compute.less(clicks["step"], 2))  # the third page would be in the first one's language
    language = np.arange(len(clicks)) % 2
    crossing = np.where(language, np.resize(english.to_numpy(), len(clicks)), np.resize(german.to_numpy(), len(clicks)))
    place = clicks.schema.get_field_index("page")
    replace_table(work, "clicks", clicks.set_column(place, "page", pa.array(crossing, pa.uint64())))
    assert label_events(work, None, (STEPS,))
    assert run(work, stage1, "stage1")["learnt_from"] == LABELS
    assert event_source.for_stage2(work) == ()  # so few rows do not beat the order of text


@pytest.fixture(scope="module")
def untaught(tiny, tmp_path_factory: pytest.TempPathFactory) -> Work:
    """Rankers for which there are too few rows."""
    work = work_of(tiny, tmp_path_factory.mktemp("untaught"), smallest_leaf=10**6)
    assert run(work, stage1, "stage1")["learnt_from"] == event_source.NOTHING
    assert run(work, stage2, "stage2")["trees"] == 0
    return work


def test_rankers_without_examples_are_models_without_trees(untaught: Work) -> None:
    rows = np.random.default_rng(0).normal(size=(9, len(STAGE2))).astype(np.float32)
    first = LightGbmScorer("stage1", untaught.of("stage1") / "model.txt", STAGE1)
    second = LightGbmScorer("stage2", untaught.of("stage2") / "model.txt", STAGE2, STAGE2_START)
    assert first.predict(rows[:, : len(STAGE1)]).tolist() == [0.0] * 9
    assert second.predict(rows).tolist() == rows[:, STAGE2.index(STAGE2_START)].tolist()


def test_rankers_without_trees_leave_the_order_to_the_text_and_quality(untaught: Work) -> None:
    figures = run(untaught, fit_blend, "blend")
    assert figures["stage2"]["deviation"] > 0.0
    assert figures["quality"]["deviation"] > 0.0


def test_the_blends_scale_covers_all_candidates_of_held_out_pages(tiny, tmp_path: Path) -> None:
    work = work_of(tiny, tmp_path)
    assert run(work, stage1, "stage1")["learnt_from"] == IMPRESSIONS
    run(work, stage2, "stage2")
    features, lists = read_lists(work.of("stage2") / HELD_OUT)
    assert len(features) == lists.size.sum() == len(lists.gain)
    with snapshot(work) as past:
        found = [asyncio.run(past.candidates(query_of(page)))[1] for page in np.unique(lists.page).tolist()]
    assert len(features) >= sum(min(len(candidates), 30) for candidates in found)  # a page counts on each of its days


def test_held_out_lists_know_what_readers_chose(tiny, tmp_path: Path) -> None:
    work = work_of(tiny, tmp_path)
    run(work, stage1, "stage1")
    run(work, stage2, "stage2")
    _, lists = read_lists(work.of("stage2") / HELD_OUT)
    chosen = dict.fromkeys(np.unique(lists.page).tolist(), 0.0)
    for event in label_events(work, None):
        if event.page in chosen:
            chosen[event.page] += float(event.gain.sum())
    found = np.bincount(np.repeat(np.arange(len(lists.size)), lists.size), lists.gain, len(lists.size))
    assert 0 < found.sum() <= sum(chosen.values())  # some chosen pages are not among the candidates


def test_lists_that_rankers_learnt_from_do_not_tell_what_readers_chose(tmp_path: Path) -> None:
    pages, recorder = np.array([2, 3], np.uint64), ListRecorder()
    event = Event(1, pages, np.ones(2, np.float32), None, np.datetime64("2026-01-01"))
    recorder.add(Query("https://a.example/", 1, at=hours(event)), Candidates(pages), np.zeros((2, len(STAGE2))))
    for learnt, gain in ((False, 2), (True, 0)):
        recorder.save(tmp_path / HELD_OUT, [[event]], learnt)
        assert read_lists(tmp_path / HELD_OUT)[1].gain.sum() == gain


def test_the_blend_has_a_scale_even_without_candidates(tiny, tmp_path: Path) -> None:
    work = work_of(tiny, tmp_path)
    (work.root / "stage2").mkdir()
    for name in ("model.txt", "model_start.txt"):
        (work.root / "stage2" / name).symlink_to(tiny.work / "stage2" / name)
    ListRecorder().save(work.root / "stage2" / HELD_OUT, [])
    assert run(work, fit_blend, "blend")["quality"] == {"mean": 0.0, "deviation": 1.0}


@pytest.mark.parametrize(
    ("source", "end", "trees", "said"),
    [
        (IMPRESSIONS, "2026", 9, []),
        (LABELS, None, 9, ["cold start: no clicks", "learnt from the judge's labels"]),
        (LABELS, "2026", 0, ["too few choices", "learnt from the judge's labels", "stage 2 learnt nothing"]),
        (
            event_source.NOTHING,
            None,
            0,
            ["cold start: no clicks", "stage 1 learnt nothing", "stage 2 learnt nothing"],
        ),
    ],
)
def test_the_manifest_reports_the_training_source_of_the_rankers(source, end, trees: int, said: list[str]) -> None:
    by_text = {"text_order": True} if source == event_source.NOTHING else {}
    figures = {"stage1": {"learnt_from": source, **by_text}, "stage2": {"trees": trees}, "read": {"end": end}}
    notes = " | ".join(event_source.notes(figures))
    assert all(words in notes for words in said)
    assert bool(notes) == bool(said)
