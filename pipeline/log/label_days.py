"""The days of the label window: events of a day train with features counted before that day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.log.split import PAST, split_of
from pipeline.runner.work import Work

if TYPE_CHECKING:
    from pipeline.config import ExamplesConfig

_DAY = timedelta(days=1)
_WEEK = 7  # days: traffic differs by day of the week
_SPARE = 2  # times the events needed: filters drop some of the chosen pages


@dataclass(frozen=True, slots=True)
class LabelDay:
    """At most 24 hours of the label window; `name` is the directory with the counts before `begin`."""

    name: str
    begin: datetime
    end: datetime


def label_days(work: Work) -> list[LabelDay]:
    """Return the days of the label window to train on, spread evenly over those that have events.

    As few days as have twice the requested events, at least a week and at most `examples.days`, because the counts of
    each day cost as much as those of the whole log. The first day of the window is always included: its counts are
    the past snapshot. Without a log there are no days.
    """
    split = split_of(work)
    if "labels_from" not in split:
        return []
    begin, end = split["labels_from"], split["end"]
    chosen = _spread(*_events_a_day(work, begin), work.config.examples)
    return [LabelDay(f"day{n}" if n else PAST, begin + n * _DAY, min(end, begin + (n + 1) * _DAY)) for n in chosen]


def _spread(days: NDArray[np.int64], events: NDArray[np.int64], config: ExamplesConfig) -> list[int]:
    most = min(len(days), config.days)
    for count in range(min(most, _WEEK), most + 1):
        chosen = np.linspace(0, len(days) - 1, count).round().astype(int)
        if events[chosen].sum() >= _SPARE * config.groups:
            break
    numbers: list[int] = days[chosen].tolist()
    return numbers


def _events_a_day(work: Work, begin: datetime) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the numbers of the window's days that have clicked impressions (or clicks, if there are none).

    Also returns how many each has. The first day is always included. Days without events are left out: one table may
    end months before the other.
    """
    when = pc.field("time") >= pc.scalar(begin)
    time = np.empty(0, "datetime64[us]")
    for table, rows in (("impressions", when & pc.field("clicked")), ("clicks", when)):
        if len(time) == 0:
            time = pq.read_table(work.of("read") / f"{table}.parquet", columns=["time"], filters=rows)[
                "time"
            ].to_numpy()
    days, events = np.unique(np.append((time - _utc(begin)) // np.timedelta64(_DAY), 0), return_counts=True)
    return days, events


def day_of(days: Sequence[LabelDay], time: NDArray[np.datetime64]) -> NDArray[np.intp]:
    """Return the index in `days` of each time (UTC); -1 if no day contains it."""
    begin, end = (np.array([_utc(getattr(day, side)) for day in days]) for side in ("begin", "end"))
    row = np.searchsorted(begin, time, side="right") - 1
    return np.where((row >= 0) & (time < end[row]), row, -1)


def _utc(time: datetime) -> np.datetime64:
    return np.datetime64(time.astimezone(UTC).replace(tzinfo=None), "us")
