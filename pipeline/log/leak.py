"""Guards that time flows one way: what features count lies before what labels tell."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.log.split import PAST
from pipeline.runner.work import Work
from ranking.event import Event

_COUNTED = ("click_pairs", "impression_pairs", "page_clicks")  # each row says when it last counted something


class LeakError(RuntimeError):
    """Features that have seen what their labels tell; the message says which table, and when."""


def check(work: Work, events: Iterable[Event], counted: str = PAST) -> None:
    """Raise LeakError unless what features read, `counted` of the step `counts`, ends before the first of `events`.

    Both times are read from the rows that were really used, not from the configured split.
    """
    times = [event.time for event in events if event.time is not None]
    if not times:
        return
    first = min(times)
    for name in _COUNTED:
        last = last_counted(work.of("counts") / counted / f"{name}.parquet")
        if last is not None and last >= first:
            raise LeakError(
                f"{name} of {counted} counts rows up to {last}, but labels begin at {first}: "
                "run the steps `read` and `counts` again"
            )


def last_counted(path: Path) -> np.datetime64 | None:
    """Return the latest time (UTC, µs) that a table of counts has counted, None when it is empty."""
    last = pc.max(pq.read_table(path, columns=["last"])["last"])
    return np.datetime64(last.as_py().replace(tzinfo=None), "us") if last.is_valid else None
