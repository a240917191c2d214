"""The step of the build: what the adapter may learn from, and a path that is off."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from configs.reading import SettingsError
from pipeline.config import BuildConfig
from pipeline.log.split import ALL, PAST, split_of
from pipeline.log.withheld import withheld_pages
from pipeline.runner.work import Work
from recall.knowledge import step
from recall.knowledge.config import KnowledgeConfig
from recall.knowledge.path import FILES
from recall.knowledge.train import Evidence
from tests.conftest import CONFIG, Tiny
from tests.recall.half_new import half_new


def work_of(tiny: Tiny, config: BuildConfig = CONFIG, root: Path | None = None) -> Work:
    return Work(config, tiny.work / "knowledge", root or tiny.work)


def pairs(work: Work, snapshot: str) -> Evidence:
    pages = pq.read_table(work.of("read") / "pages.parquet", columns=["page"])["page"].to_numpy()
    return step._evidence(work, snapshot, pages, np.ones(len(pages), bool))


def together(work: Work, *, before_labels: bool) -> set[tuple[int, int]]:
    """Return the pairs of rows that a session has, of the whole log or of the part before the label window."""
    pages = pq.read_table(work.of("read") / "pages.parquet", columns=["page"])["page"].to_numpy()
    clicks = pq.read_table(work.of("read") / "clicks.parquet", columns=["session", "page", "time"]).to_pandas()
    if before_labels:
        clicks = clicks[clicks.time < split_of(work)["labels_from"]]
    rows = clicks.assign(row=np.searchsorted(pages, clicks.page)).groupby("session").row.agg(set)
    return {(one, two) for own in rows for one in own for two in own if one != two}


def test_the_adapter_of_the_past_knows_no_click_of_the_label_window(tiny: Tiny) -> None:
    work = work_of(tiny)
    past, whole = pairs(work, PAST), pairs(work, ALL)
    learnt = set(zip(past.page1.tolist(), past.page2.tolist(), strict=True))
    assert learnt
    assert learnt <= together(work, before_labels=True)
    later = set(zip(whole.page1.tolist(), whole.page2.tolist(), strict=True)) - together(work, before_labels=True)
    assert later  # the log of the label window has pairs of its own, which serving learns from


def test_pages_that_rankers_must_take_for_new_are_new_to_the_adapter_of_the_past(tiny: Tiny, tmp_path: Path) -> None:
    half_new(tiny, tmp_path)
    pages = pq.read_table(tiny.work / "read" / "pages.parquet", columns=["page"])["page"].to_numpy()
    work = work_of(tiny, root=tmp_path)
    hidden = np.flatnonzero(np.isin(pages, withheld_pages(work)))
    assert len(hidden)
    past, whole = pairs(work, PAST), pairs(work, ALL)
    assert not np.isin(np.concatenate([past.page1, past.page2]), hidden).any()
    assert np.isin(whole.page1, hidden).any()


def test_off_it_writes_empty_files_that_nothing_opens(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"knowledge": KnowledgeConfig(enabled=False)})
    figures = step.knowledge(Work(config, tmp_path, tmp_path))
    assert figures["pages"] == 0
    for snapshot in (PAST, ALL):
        assert {file.stat().st_size for file in map((tmp_path / snapshot).joinpath, FILES)} == {0}


def test_a_language_model_needs_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ONWARD_LLM_MODEL", "ONWARD_LLM_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsError, match=r"knowledge\.writer is llm and ONWARD_LLM_MODEL is not set: set it"):
        step._llm(dataclasses.replace(KnowledgeConfig(), writer="llm"))
