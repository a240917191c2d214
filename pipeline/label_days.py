"""The days of the label window: what happened on one teaches with what was counted before it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
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
    """Return the days of the label window, or `examples.days` of them, spread evenly; none without a log.

    The first begins with the window, so that its counts are the past snapshot's.
    """
    split = split_of(work)
    if "labels_from" not in split:
        return []
    begin, end = split["labels_from"], split["end"]
    days = max(1, math.ceil((end - begin) / _DAY))
    chosen = np.unique(np.linspace(0, days - 1, min(days, work.config.examples.days)).round().astype(int)).tolist()
    return [LabelDay(f"day{n}" if n else PAST, begin + n * _DAY, min(end, begin + (n + 1) * _DAY)) for n in chosen]


def day_of(days: Sequence[LabelDay], time: NDArray[np.datetime64]) -> NDArray[np.intp]:
    """Return the row in `days` of each time (UTC); -1 where none of them holds it."""
    begin, end = (np.array([_utc(getattr(day, side)) for day in days]) for side in ("begin", "end"))
    row = np.searchsorted(begin, time, side="right") - 1
    return np.where((row >= 0) & (time < end[row]), row, -1)


def _utc(time: datetime) -> np.datetime64:
    return np.datetime64(time.astimezone(UTC).replace(tzinfo=None), "us")
