"""How much order means: a walk along a ring, and the same sessions shuffled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import BuildConfig
from pipeline.log.counts import STEP as COUNTS
from pipeline.log.order import STEP as ORDER
from pipeline.log.order import decay_of, held_out_targets, notes
from pipeline.log.read import STEP as READ
from pipeline.runner.runner import Runner
from pipeline.runner.work import InputTables, Work

START = datetime(2025, 3, 1, tzinfo=UTC)
PAGES = 60


def measured(root: Path, sessions: int, shuffled: bool) -> tuple[Work, dict[str, object]]:
    draw, rows = np.random.default_rng(0), []
    for session in range(sessions):
        walk = (draw.integers(PAGES) + np.cumsum(draw.integers(1, 3, 6))) % PAGES
        pages = draw.permutation(walk) if shuffled else walk
        begun = START + timedelta(hours=session * 1000 / sessions)
        rows += [
            (f"s{session}", f"https://a.example/{page}", begun + timedelta(minutes=i)) for i, page in enumerate(pages)
        ]
    (root / "data").mkdir()
    urls = [f"https://a.example/{page}" for page in range(PAGES)]
    pq.write_table(pa.table({"url": urls, "title": urls, "snippet": [""] * PAGES}), root / "data/pages.parquet")
    columns = dict(zip(("session", "url", "time"), zip(*rows, strict=True), strict=True))
    pq.write_table(pa.table(columns), root / "data/clicks.parquet")
    config = BuildConfig.model_validate({"examples": {"days": 1}, "order": {"fewest_steps": 100}})
    runner = Runner(root, config, "", tables=InputTables(root / "data"))
    runner.run([READ, COUNTS, ORDER])
    return Work(config, root / "again", root), runner.figures["order"]


def test_where_readers_walk_order_means_much(tmp_path: Path) -> None:
    work, figures = measured(tmp_path, 400, shuffled=False)
    assert figures["order"] > 0.7
    assert decay_of(work) == work.config.reach.decay
    assert [*notes({"order": figures})] == []


def test_where_sessions_are_sets_order_means_little_and_the_manifest_says_so(tmp_path: Path) -> None:
    work, figures = measured(tmp_path, 400, shuffled=True)
    assert figures["high"] < 0.35
    assert decay_of(work) is None
    (note,) = notes({"order": figures})
    assert "sessions count as sets" in note
    assert set(held_out_targets(work)["gain"].to_pylist()) == {1.0}


@pytest.mark.parametrize("shuffled", [False, True])
def test_a_small_log_is_taken_to_have_an_order(tmp_path: Path, shuffled: bool) -> None:
    work, figures = measured(tmp_path, 20, shuffled)
    assert figures["steps"] < 100
    assert decay_of(work) == work.config.reach.decay
