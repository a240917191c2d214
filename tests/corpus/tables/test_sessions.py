"""Splitting sessions into visits: pauses, unknown pages, reloads, robots."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpus.tables.reader import read
from corpus.tables.report import TableReport
from corpus.tables.sessions import SESSIONS, Sessions
from corpus.urls.url import page_id

A, B, C = (f"https://e.example/{name}" for name in "abc")
NAMES = {page_id(url): url[-1] for url in (A, B, C)}
UNKNOWN, INVALID = "https://e.example/gone", "nowhere"
NINE = datetime(2026, 5, 1, 9, 0, 1, tzinfo=UTC)

Click = tuple[str, float]  # URL, minutes


def visits(
    tmp_path: Path, clicks: Sequence[Click], sessions: Sessions = SESSIONS, times: Sequence[Any] = ()
) -> tuple[list[list[tuple[str, int]]], TableReport]:
    """Return (page, step) of each visit of one session, in order of time, and the report."""
    data = tmp_path / "data"
    data.mkdir()
    pages = {"url": [A, B, C], "title": ["x"] * 3, "snippet": [""] * 3}
    pq.write_table(pa.table(pages), data / "pages.parquet")
    times = times or [NINE + timedelta(minutes=minutes) for _, minutes in clicks]
    log = {"session": ["s"] * len(clicks), "url": [url for url, _ in clicks], "time": list(times)}
    pq.write_table(pa.table(log), data / "clicks.parquet")
    report = read(data, tmp_path / "out", sessions=sessions).tables["clicks"]
    rows = pq.read_table(tmp_path / "out" / "clicks.parquet").to_pylist()
    parted = [list(group) for _, group in groupby(rows, lambda row: row["session"])]
    parted.sort(key=lambda group: group[0]["time"])
    return [[(NAMES[row["page"]], row["step"]) for row in group] for group in parted], report


def test_a_pause_starts_a_new_visit(tmp_path: Path) -> None:
    found, report = visits(tmp_path, [(A, 0), (B, 29), (C, 60), (A, 60 * 24 * 90)])
    assert found == [[("a", 0), ("b", 1)], [("c", 0)], [("a", 0)]]
    assert report.kept == 4


def test_the_pause_is_a_setting_and_can_be_turned_off(tmp_path: Path) -> None:
    found, _ = visits(tmp_path, [(A, 0), (B, 60 * 24 * 90)], Sessions(gap_minutes=0))
    assert found == [[("a", 0), ("b", 1)]]


@pytest.mark.parametrize("between", [UNKNOWN, INVALID])
def test_an_unknown_page_counts_as_a_step(between: str, tmp_path: Path) -> None:
    found, report = visits(tmp_path, [(A, 0), (between, 1), (B, 2)])
    assert found == [[("a", 0), ("b", 2)]]
    assert sum(rows.count for rows in report.rejected.values()) == 1


def test_returning_to_a_page_from_an_unknown_page_is_not_a_reload(tmp_path: Path) -> None:
    found, report = visits(tmp_path, [(A, 0), (A, 1), (UNKNOWN, 2), (UNKNOWN, 3), (A, 4)])
    assert (found, report.reloads) == ([[("a", 0), ("a", 2)]], 1)


def test_the_same_page_after_a_pause_is_a_new_visit(tmp_path: Path) -> None:
    found, report = visits(tmp_path, [(A, 0), (A, 10), (A, 90), (B, 91)])
    assert (found, report.reloads) == ([[("a", 0)], [("a", 0), ("b", 1)]], 1)


def test_a_robots_visit_is_cut_short_and_reported(tmp_path: Path) -> None:
    found, report = visits(tmp_path, [((A, B)[i % 2], i / 60) for i in range(50)], Sessions(longest=3))
    assert found == [[("a", 0), ("b", 1), ("a", 2)]]
    assert report.rejected["session too long"].count == 47
    assert report.lost == 0


def test_dates_without_a_time_of_day_have_no_pauses(tmp_path: Path) -> None:
    days = [f"2026-05-{day:02}" for day in (1, 2, 9)]
    assert visits(tmp_path, [(A, 0), (B, 0), (C, 0)], times=days)[0] == [[("a", 0), ("b", 1), ("c", 2)]]


def test_midnights_written_with_a_time_have_pauses(tmp_path: Path) -> None:
    days = [f"2026-05-{day:02}T00:00:00Z" for day in (1, 2)]
    assert visits(tmp_path, [(A, 0), (B, 0)], times=days)[0] == [[("a", 0)], [("b", 0)]]


def test_whole_hours_may_be_minutes_apart(tmp_path: Path) -> None:
    hours = [f"2026-05-01T{hour:02}:00:00Z" for hour in (8, 9, 11)]
    assert visits(tmp_path, [(A, 0), (B, 0), (C, 0)], times=hours)[0] == [[("a", 0), ("b", 1)], [("c", 0)]]


def test_a_stray_time_is_not_part_of_a_session(tmp_path: Path) -> None:
    clicks = [(A, 0), (C, 60 * 24 * 3650), *[((B, A)[i % 2], i + 1) for i in range(20)]]
    found, report = visits(tmp_path, clicks)
    assert report.rejected["time in the future"].count == 1
    assert len(found) == 1
