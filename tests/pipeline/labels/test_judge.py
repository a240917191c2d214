"""Who labels the pairs that the quality head learns from."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from llm_endpoint import Server, scored, serving

from configs.reading import SettingsError
from corpus.label_split import Role, roles
from pipeline.config import BuildConfig, LabelsConfig
from pipeline.cross_encoder.examples import labels as learnt_labels
from pipeline.labels.judge import calibrated, labels, with_model
from pipeline.log.events import SET_ASIDE, label_events
from pipeline.pages.page_ids import page_ids
from pipeline.runner.work import Work

THREE = scored({"3": 0.96, "4": 0.02, "2": 0.01, "1": 0.005, "0": 0.005})


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    with serving() as server:
        server.reply = lambda body: (200, THREE)
        monkeypatch.setenv("ONWARD_LLM_MODEL", "judge-1")
        monkeypatch.setenv("ONWARD_LLM_BASE_URL", server.url)
        monkeypatch.setenv("ONWARD_LLM_CACHE", str(tmp_path / "answers.sqlite"))
        yield server


def work(tiny, tmp_path: Path, **changes: object) -> Work:
    chosen = replace(LabelsConfig(judged=30), **changes)
    directory = tmp_path / "labels"
    directory.mkdir()
    return Work(with_model(BuildConfig(labels=chosen)), directory, tiny.work)


def test_labels_of_held_out_pages_are_not_used_for_training(tiny, tmp_path: Path) -> None:
    held_out = work(tiny, tmp_path, judged=400)
    held_out = replace(held_out, config=held_out.config.model_copy(update={"measured": True}), root=tmp_path / "root")
    shutil.copytree(tiny.work, held_out.root, symlinks=True)
    pages = pq.read_table(held_out.of("read") / "pages.parquet", columns=["page"])["page"].to_numpy()
    given = {"page1": pages, "page2": pages[::-1], "quality": np.full(len(pages), 2.0, np.float32)}
    pq.write_table(pa.table({**given, "source": ["people"] * len(pages)}), held_out.of("read") / "labels.parquet")
    figures = labels(held_out)
    table = pq.read_table(tmp_path / "labels/labels.parquet")
    taught = roles(pages, 0.5) == Role.TRAINING
    assert (roles(table["page1"].to_numpy(), 0.5) == Role.TRAINING).all()
    assert (figures["given"], figures["held_out"]) == (int(taught.sum()), int((~taught).sum()))
    assert {*table["source"].to_pylist()} == {"input", "rubric"}
    assert figures["judged"] > 200  # held-out pages do not use up the judge's budget


def test_a_build_without_evaluation_trains_on_every_label(tiny) -> None:
    assert not tiny.bundle.manifest.config["measured"]
    assert tiny.bundle.held_out_share == 0


def test_the_rubric_labels_by_default(tiny, tmp_path: Path, endpoint: Server) -> None:
    figures = labels(work(tiny, tmp_path))
    assert figures["judge"] == "rubric"
    assert endpoint.asked == []


def test_a_language_model_labels_if_configured(tiny, tmp_path: Path, endpoint: Server) -> None:
    figures = labels(work(tiny, tmp_path, judge="llm", prompt="B"))
    table = pq.read_table(tmp_path / "labels/labels.parquet")
    assert set(table["source"].to_pylist()) == {"judge-1 B"}
    np.testing.assert_allclose(table["quality"].to_numpy(), 3 * 0.96 + 4 * 0.02 + 2 * 0.01 + 0.005, rtol=1e-6)
    assert figures["judged"] == len(table) == len(endpoint.asked)
    assert "https://" in endpoint.asked[0]["messages"][0]["content"]


def test_a_pair_that_the_model_refuses_is_dropped_and_counted(tiny, tmp_path: Path, endpoint: Server) -> None:
    answers = iter([(400, {"error": {"message": "no"}})])
    endpoint.reply = lambda body: next(answers, (200, THREE))
    figures = labels(work(tiny, tmp_path, judge="llm"))
    assert figures["unscored"] == {"call refused (400)": 1}
    assert figures["judged"] == len(pq.read_table(tmp_path / "labels/labels.parquet")) == len(endpoint.asked) - 1


def test_no_label_at_all_is_one_clear_error(tiny, tmp_path: Path, endpoint: Server) -> None:
    endpoint.reply = lambda body: (401, {"error": {"message": "no"}})
    with pytest.raises(SettingsError, match=r"stopped early: .*call refused \(401\)"):
        labels(work(tiny, tmp_path, judge="llm"))


def test_labelling_that_reached_its_limit_is_not_finished(tiny, tmp_path: Path, endpoint: Server, monkeypatch) -> None:
    monkeypatch.setenv("ONWARD_LLM_MAX_TOKENS", "5000")
    with pytest.raises(SettingsError, match=r"stopped early: .*spending limit.*raise ONWARD_LLM_MAX_TOKENS"):
        labels(work(tiny, tmp_path, judge="llm"))
    assert endpoint.asked


def test_no_pairs_to_judge_is_an_error(tiny, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="scored none of 0 pairs"):
        labels(work(tiny, tmp_path, judged=0))


def test_without_an_endpoint_the_build_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MODEL", "BASE_URL"):
        monkeypatch.delenv(f"ONWARD_LLM_{name}", raising=False)
    with pytest.raises(SettingsError, match="set ONWARD_LLM_MODEL"):
        with_model(BuildConfig(labels=LabelsConfig(judge="llm")))


def test_another_model_changes_the_configuration(endpoint: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    config = BuildConfig(labels=LabelsConfig(judge="llm"))
    assert with_model(config).labels.model == "judge-1"
    monkeypatch.setenv("ONWARD_LLM_MODEL", "judge-2")
    assert with_model(config).labels.model == "judge-2"
    assert with_model(BuildConfig()) == BuildConfig()


def by_hash(page1: np.ndarray, page2: np.ndarray) -> np.ndarray:
    """Stand in for the rubric: eight scores from 0 to 3.5."""
    return (page2 % np.uint64(8)).astype(np.float32) / 2


def given(count: int) -> pa.Table:
    """Return labels that grow with the rubric's scores, on a lower scale, with noise."""
    generator = np.random.default_rng(0)
    pages = generator.integers(0, 1_000, count).astype(np.uint64)
    quality = by_hash(pages, pages) / 4 + generator.normal(0, 0.3, count)
    return pa.table({"page1": pages, "page2": pages, "quality": np.clip(quality, 0, 4).astype(np.float32)})


def test_the_rubric_is_calibrated_to_the_given_labels_and_keeps_its_order() -> None:
    table = given(2_000)
    scale = calibrated(by_hash, table)
    found = scale(by_hash(table["page1"].to_numpy(), table["page2"].to_numpy()))
    assert found.mean() == pytest.approx(table["quality"].to_numpy().mean(), abs=1e-3)
    assert (np.diff(scale(np.linspace(0, 4, 50).astype(np.float32))) >= 0).all()


def test_few_labels_do_not_change_the_scale() -> None:
    scores = np.array([0.5, 3.0], np.float32)
    assert calibrated(by_hash, given(50))(scores) is scores


def cold(tiny, tmp_path: Path) -> Work:
    """Return the tiny corpus without its log."""
    root = tmp_path / "root"
    for step in ("text", "two_tower", "counts"):
        (root / step).parent.mkdir(exist_ok=True)
        (root / step).symlink_to(tiny.work / step)
    (root / "read").mkdir()
    for table in ("pages", "clicks", "impressions", "labels"):
        rows = pq.read_table(tiny.work / "read" / f"{table}.parquet")
        pq.write_table(rows if table == "pages" else rows.slice(0, 0), root / "read" / f"{table}.parquet")
    (root / "read/split.json").write_text('{"start": null, "labels_from": null, "end": null}')
    (tmp_path / "labels").mkdir()
    return Work(BuildConfig(labels=LabelsConfig(judged=800)), tmp_path / "labels", root)


def test_without_a_log_half_the_judged_pages_are_set_aside_for_stage_2(tiny, tmp_path: Path) -> None:
    given = cold(tiny, tmp_path)
    figures = labels(given)
    table = pq.read_table(tmp_path / "labels/labels.parquet")
    aside, page1 = table["set_aside"].to_numpy(), table["page1"].to_numpy()
    assert (aside == (page1 % 2 == 1)).all()
    assert 0.4 < aside.mean() < 0.6
    assert figures["set_aside"] == aside.sum()
    (given.root / "labels").symlink_to(tmp_path / "labels")
    pages = page_ids(given)
    learnt = learnt_labels(given, pages)
    ranked = label_events(given, None, (SET_ASIDE,))
    taught = set(zip(pages[learnt.page1].tolist(), pages[learnt.page2].tolist(), strict=True))
    assert taught.isdisjoint((event.page, page) for event in ranked for page in event.shown.tolist())
    assert len(taught) + sum(len(event.shown) for event in ranked) == len(table)


def test_with_a_log_or_few_pairs_the_cross_encoder_gets_all_labels(tiny, tmp_path: Path) -> None:
    assert labels(work(tiny, tmp_path, judged=800))["set_aside"] == 0
    (tmp_path / "few").mkdir()
    few = replace(cold(tiny, tmp_path / "few"), config=BuildConfig(labels=LabelsConfig(judged=100)))
    assert labels(few)["set_aside"] == 0


def test_a_single_page_without_pairs_is_not_an_error(tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    none = np.empty((0, 2), np.uint64)
    monkeypatch.setattr("pipeline.labels.judge.pairs_to_judge", lambda work, pages, rubric: none)
    figures = labels(cold(tiny, tmp_path))
    assert (figures["judged"], figures["mean_quality"]) == (0, None)
    assert len(pq.read_table(tmp_path / "labels/labels.parquet")) == 0
