"""The label window's days: each holds what happened within 24 hours after its counts end."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import BuildConfig
from pipeline.log.label_days import LabelDay, day_of, label_days
from pipeline.log.split import PAST
from pipeline.runner.work import Work

BEGIN = datetime(2026, 5, 1, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def work_of(
    root: Path, length: timedelta | None, days: int = 100, clicks: list[timedelta] | None = None,
    shown: Sequence[timedelta] = (), groups: int = 20_000, clicked: bool = True,
) -> Work:  # fmt: skip
    """Return a corpus whose label window is `length` long, with a click an hour unless `clicks` says when."""
    (root / "read").mkdir(exist_ok=True)
    hours = [timedelta(hours=n) for n in range(math.ceil((length or 0 * DAY) / timedelta(hours=1)))]
    for table, times in (("clicks", hours if clicks is None else clicks), ("impressions", shown)):
        column = pa.array([BEGIN + time for time in times], pa.timestamp("us", "UTC"))
        of = pa.table({"time": column, "clicked": pa.array([clicked] * len(times), pa.bool_())})
        pq.write_table(of, root / f"read/{table}.parquet")
    split = {"start": BEGIN - 9 * DAY, "labels_from": BEGIN, "end": BEGIN + (length or DAY)} if length else {}
    (root / "read/split.json").write_text(json.dumps({name: time.isoformat() for name, time in split.items()}))
    return Work(BuildConfig.model_validate({"examples": {"days": days, "groups": groups}}), root / "again", root)


def test_counts_of_a_day_end_when_the_day_begins(tmp_path: Path) -> None:
    days = label_days(work_of(tmp_path, 2.5 * DAY))
    assert [day.begin for day in days] == [BEGIN, BEGIN + DAY, BEGIN + 2 * DAY]
    assert days[-1].end == BEGIN + 2.5 * DAY
    assert days[0].name == PAST
    assert len({day.name for day in days}) == 3


def test_a_window_within_a_day_is_one_day(tmp_path: Path) -> None:
    assert [day.name for day in label_days(work_of(tmp_path, timedelta(hours=3)))] == [PAST]


def test_days_without_events_are_left_out(tmp_path: Path) -> None:
    clicks = [0 * DAY, 1.5 * DAY, 200 * DAY, 201.5 * DAY]
    assert [day.name for day in label_days(work_of(tmp_path, 202 * DAY, 4, clicks))] == [
        PAST,
        "day1",
        "day200",
        "day201",
    ]


def test_the_days_come_from_impressions_if_there_are_any(tmp_path: Path) -> None:
    work = work_of(tmp_path, 300 * DAY, 3, shown=[-1 * DAY, 0 * DAY, 1 * DAY, 2.9 * DAY])
    assert [day.name for day in label_days(work)] == [PAST, "day1", "day2"]


def test_unclicked_impressions_are_not_events(tmp_path: Path) -> None:
    work = work_of(tmp_path, 3 * DAY, shown=[0 * DAY], clicked=False)
    assert len(label_days(work)) == 3


@pytest.mark.parametrize(("groups", "days"), [(1, 7), (84, 7), (85, 8), (120, 10), (240, 20), (1_000, 20)])
def test_there_are_enough_days_for_twice_the_requested_events(tmp_path: Path, groups: int, days: int) -> None:
    assert len(label_days(work_of(tmp_path, 20 * DAY, groups=groups))) == days  # 24 events a day


def test_the_first_day_is_included_even_without_events(tmp_path: Path) -> None:
    days = label_days(work_of(tmp_path, 9 * DAY, clicks=[8 * DAY, 9 * DAY - timedelta(microseconds=1)]))
    assert [(day.name, day.begin) for day in days] == [(PAST, BEGIN), ("day8", BEGIN + 8 * DAY)]


def test_without_a_log_there_are_no_days(tmp_path: Path) -> None:
    assert label_days(work_of(tmp_path, None)) == []


@pytest.mark.parametrize("most", [1, 2, 4, 7])
def test_fewer_days_are_spread_evenly(tmp_path: Path, most: int) -> None:
    days = label_days(work_of(tmp_path, 7 * DAY, most))
    assert len(days) == most
    assert days[0].begin == BEGIN
    assert all(day.end - day.begin == DAY for day in days)
    assert days[-1].begin == BEGIN + (6 * DAY if most > 1 else 0 * DAY)


def test_a_time_belongs_to_the_day_that_contains_it(tmp_path: Path) -> None:
    days = label_days(work_of(tmp_path, 7 * DAY, 2))  # the first and the last
    hours = np.array([-1, 0, 23, 24, 143, 144, 167, 168], "timedelta64[h]")
    times = np.datetime64(BEGIN.replace(tzinfo=None), "us") + hours
    assert day_of(days, times).tolist() == [-1, 0, 0, -1, -1, 1, 1, -1]


@settings(deadline=None)
@given(st.lists(st.integers(0, 20 * 86_400 - 1), min_size=1), st.integers(1, 20))
def test_every_event_is_less_than_a_day_after_its_counts(seconds: list[int], most: int) -> None:
    days = [LabelDay(str(n), BEGIN + n * DAY, BEGIN + (n + 1) * DAY) for n in range(0, 20, 20 // most)]
    times = np.datetime64(BEGIN.replace(tzinfo=None), "us") + np.array(seconds, "timedelta64[s]")
    for time, row in zip(times.tolist(), day_of(days, times).tolist(), strict=True):
        inside = [n for n, day in enumerate(days) if day.begin <= time.replace(tzinfo=UTC) < day.end]
        assert inside == ([] if row < 0 else [row])
