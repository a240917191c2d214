from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import BuildConfig
from pipeline.cross_encoder.dwell import dwell_triplets, worth
from pipeline.runner.work import Work

PAGES = np.array([10, 20, 30, 40], np.uint64)
START = datetime(2026, 6, 1, tzinfo=UTC)
LATER = START + timedelta(days=10)  # the label window

Shown = tuple[int, int, int, bool, float | None]  # impression, page 1, page 2, clicked, dwell time


IMPRESSIONS = pa.schema({
    "impression": pa.int64(), "page1": pa.uint64(), "page2": pa.uint64(), "clicked": pa.bool_(),
    "dwell_s": pa.float32(), "time": pa.timestamp("us", "UTC"),
})  # fmt: skip
CLICKS = pa.schema({
    "session": pa.int64(), "page": pa.uint64(), "dwell_s": pa.float32(), "step": pa.int32(),
    "time": pa.timestamp("us", "UTC"),
})  # fmt: skip


def write(path: Path, schema: pa.Schema, rows: list[tuple]) -> None:
    pq.write_table(pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema), path)


def work(
    root: Path, shown: list[Shown], late: Sequence[Shown] = (), clicks: Sequence[tuple] = (), ordered: bool = True
) -> Work:
    read = root / "read"
    read.mkdir()
    write(read / "impressions.parquet", IMPRESSIONS, [(*row, START) for row in shown] + [(*row, LATER) for row in late])
    visits = [(*row, place, START + timedelta(minutes=place)) for place, row in enumerate(clicks)]
    write(read / "clicks.parquet", CLICKS, visits)
    (read / "split.json").write_text(json.dumps({"labels_from": LATER.isoformat()}))
    (root / "order").mkdir()
    (root / "order/order.json").write_text(json.dumps({"means": ordered}))
    return Work(BuildConfig(), root / "adaptation", root)


def found(made: Work, quick_back: float = 0.1) -> dict[tuple[int, int, int], float]:
    """Return (page, better, worse) -> weight."""
    triplets = dwell_triplets(made, PAGES, 30.0, quick_back)
    rows = (PAGES[of].tolist() for of in (triplets.page, triplets.clicked, triplets.unclicked))
    return dict(zip(zip(*rows, strict=True), triplets.weight.tolist(), strict=True))


def test_a_satisfied_click_beats_a_quick_back_and_both_beat_what_was_skipped(tmp_path: Path) -> None:
    made = work(tmp_path, [(1, 10, 20, True, 60.0), (1, 10, 30, True, 3.0), (1, 10, 40, False, None)])
    triplets = found(made)
    assert triplets.keys() == {(10, 20, 30), (10, 20, 40), (10, 30, 40)}
    assert triplets[10, 20, 40] > triplets[10, 20, 30] > triplets[10, 30, 40]
    assert np.mean(list(triplets.values())) == pytest.approx(1, abs=1e-6)


def test_a_quick_back_of_no_worth_is_never_the_better_one(tmp_path: Path) -> None:
    made = work(tmp_path, [(1, 10, 20, True, 60.0), (1, 10, 30, True, 3.0), (1, 10, 40, False, None)])
    assert found(made, 0.0).keys() == {(10, 20, 30), (10, 20, 40)}


def test_the_label_window_teaches_nothing(tmp_path: Path) -> None:
    early, late = (
        [(1, 10, 20, True, 60.0), (1, 10, 30, False, None)],
        [(2, 10, 40, True, 60.0), (2, 10, 20, False, None)],
    )
    assert found(work(tmp_path, early, late)).keys() == {(10, 20, 30)}


def test_results_of_different_impressions_are_not_compared(tmp_path: Path) -> None:
    assert found(work(tmp_path, [(1, 10, 20, True, 60.0), (2, 10, 30, False, None)])) == {}


def test_without_impressions_session_steps_are_compared_with_pages_that_others_went_to(tmp_path: Path) -> None:
    visits = [(1, 10, None), (1, 20, 50.0), (2, 10, None), (2, 30, 2.0), (3, 40, None), (3, 30, 60.0)]
    triplets = found(work(tmp_path, [], clicks=visits), 0.0)
    assert {better for _, better, _ in triplets} == {20, 30}
    assert (10, 30) not in {(page, better) for page, better, _ in triplets}  # a quick back


def test_where_order_means_little_any_other_page_of_a_session_is_the_better_one(tmp_path: Path) -> None:
    clicks = [(1, 10, 50.0), (1, 20, 50.0), (2, 30, 50.0), (2, 40, 50.0)]
    triplets = found(work(tmp_path, [], clicks=clicks, ordered=False))
    of_sessions = {(10, 20), (20, 10), (30, 40), (40, 30)}
    assert {(page, better) for page, better, _ in triplets} <= of_sessions
    assert {(page, better) for page, better, _ in triplets} & {(20, 10), (40, 30)}


def test_a_log_without_dwell_times_has_satisfied_clicks_only() -> None:
    clicked, unknown = np.array([True, False, True]), np.full(3, np.nan, np.float32)
    assert worth(clicked, unknown, 30, 0.1).tolist() == [1, 0, 1]


def test_a_click_of_unknown_dwell_time_is_not_satisfied_in_a_log_that_has_some() -> None:
    dwell = np.array([45, np.nan, 5, np.nan], np.float32)
    assert worth(np.array([True, True, True, False]), dwell, 30, 0.1).tolist() == [1, 0.1, 0.1, 0]


def test_without_a_log_there_are_no_triplets(tmp_path: Path) -> None:
    made = work(tmp_path, [])
    (tmp_path / "read/split.json").write_text("{}")
    assert found(made) == {}
