from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import BuildConfig
from pipeline.log.withheld import withheld_pages

PAGES = np.random.default_rng(0).integers(1, 2**63, 2_000, dtype=np.uint64)
LATE = 6 * 10**6


def work_of(directory: Path, clicked: np.ndarray, times: int = 20, first: int = 0, most: float = 0.3):
    """A log in which the pages `clicked` have `times` clicks each, from the microsecond `first` on."""
    (directory / "read").mkdir()
    when = pa.array(np.full(len(clicked) * times, first, np.int64), pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({"page": PAGES}), directory / "read" / "pages.parquet")
    pq.write_table(pa.table({"page": np.repeat(clicked, times), "time": when}), directory / "read" / "clicks.parquet")
    pq.write_table(pa.table({"page2": np.empty(0, np.uint64)}), directory / "read" / "impressions.parquet")
    (directory / "read" / "split.json").write_text('{"labels_from": "1970-01-01T00:00:05+00:00"}')
    config = BuildConfig.model_validate({"examples": {"most_withheld": most}})
    return SimpleNamespace(of=lambda step: directory / step, config=config)


def test_where_every_page_has_clicks_nothing_is_withheld(tmp_path: Path) -> None:
    assert len(withheld_pages(work_of(tmp_path, PAGES))) == 0


def test_as_many_pages_are_withheld_as_look_new(tmp_path: Path) -> None:
    share = len(withheld_pages(work_of(tmp_path, PAGES[:1_500]))) / len(PAGES)
    assert share == pytest.approx(0.25, abs=0.03)


def test_a_few_pages_without_readers_are_usual(tmp_path: Path) -> None:
    assert len(withheld_pages(work_of(tmp_path, PAGES[:1_800]))) == 0


def test_at_most_the_set_share_is_withheld(tmp_path: Path) -> None:
    share = len(withheld_pages(work_of(tmp_path, PAGES[:500], most=0.1))) / len(PAGES)
    assert share == pytest.approx(0.1, abs=0.03)


def test_a_small_log_misses_pages_by_chance(tmp_path: Path) -> None:
    assert len(withheld_pages(work_of(tmp_path, PAGES[:1_000], times=1))) == 0


def test_pages_that_are_new_in_the_label_window_need_no_stand_ins(tmp_path: Path) -> None:
    assert len(withheld_pages(work_of(tmp_path, PAGES[:1_000], first=LATE))) == 0
