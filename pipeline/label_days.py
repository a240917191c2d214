"""The days of the label window: what happened on one teaches with what was counted before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.log import PAST, split_of
from pipeline.work import Work

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class LabelDay:
    """At most 24 hours of the label window; `name` is the directory of what was counted before `begin`."""

    name: str
    begin: datetime
    end: datetime


def label_days(work: Work) -> list[LabelDay]:
    """Return the days of the label window that hold events, or `examples.days` of them, spread evenly.

    The first begins with the window, whatever it holds, so that its counts are the past snapshot's. None without a log.
    """
    split = split_of(work)
    if "labels_from" not in split:
        return []
    begin, end = split["labels_from"], split["end"]
    held = _days_with_events(work, begin)
    chosen = held[np.linspace(0, len(held) - 1, min(len(held), work.config.examples.days)).round().astype(int)].tolist()
    return [LabelDay(f"day{n}" if n else PAST, begin + n * _DAY, min(end, begin + (n + 1) * _DAY)) for n in chosen]


def _days_with_events(work: Work, begin: datetime) -> NDArray[np.int64]:
    """Return the numbers of the window's first day and of each that holds impressions, or clicks where none are shown.

    One table may go on for months after the other has ended: days without events would take the others' places.
    """
    for table in ("impressions", "clicks"):
        when = pc.field("time") >= pc.scalar(begin)
        time = pq.read_table(work.of("read") / f"{table}.parquet", columns=["time"], filters=when)["time"].to_numpy()
        if len(time):
            return np.union1d([0], (time - _utc(begin)) // np.timedelta64(_DAY))
    return np.zeros(1, np.int64)


def day_of(days: Sequence[LabelDay], time: NDArray[np.datetime64]) -> NDArray[np.intp]:
    """Return the row in `days` of each time (UTC); -1 where none of them holds it."""
    begin, end = (np.array([_utc(getattr(day, side)) for day in days]) for side in ("begin", "end"))
    row = np.searchsorted(begin, time, side="right") - 1
    return np.where((row >= 0) & (time < end[row]), row, -1)


def _utc(time: datetime) -> np.datetime64:
    return np.datetime64(time.astimezone(UTC).replace(tzinfo=None), "us")
