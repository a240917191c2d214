"""Guards against label leakage: features must be counted before the labels begin."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.log.split import PAST
from pipeline.runner.work import Work
from ranking.event import Event

#: Each row of these has the time of its last count.
_COUNTED = ("click_pairs", "impression_pairs", "page_clicks", "co_visits", "swing", "page_visits")


class LeakError(RuntimeError):
    """Features counted rows from the time of their labels; the message names the table and the times."""


def check(work: Work, events: Iterable[Event], counted: str = PAST) -> None:
    """Raise LeakError unless the counts in the directory `counted` of the step `counts` end before the first event.

    Both times come from the rows that were used, not from the configured split.
    """
    times = [event.time for event in events if event.time is not None]
    if not times:
        return
    first = min(times)
    for name in _COUNTED:
        last = last_counted(work.of("counts") / counted / f"{name}.parquet")
        if last is not None and last >= first:
            raise LeakError(
                f"{name} of {counted} counts rows until {last}, but labels begin at {first}: "
                "run the steps `read` and `counts` again"
            )


def last_counted(path: Path) -> np.datetime64 | None:
    """Return the time (UTC, µs) of the latest row that a table of counts includes; None if it is empty."""
    last = pc.max(pq.read_table(path, columns=["last"])["last"])
    return np.datetime64(last.as_py().replace(tzinfo=None), "us") if last.is_valid else None
