"""The sessions of a part of the log, and the pages that they want."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from corpus.log.runs import runs
from corpus.log.session_targets import Wanted, wanted
from pipeline.runner.work import Work


class Sessions(NamedTuple):
    """Clicks in order of session and place: one row per visit of a page."""

    session: NDArray[np.uint64]
    page: NDArray[np.uint64]
    time: NDArray[np.datetime64]
    place: NDArray[np.int32]


def sessions_of(work: Work, since: datetime | None, until: datetime | None) -> Sessions:
    """Return the clicks at or after `since` and before `until`; a session that began earlier has its later clicks."""
    rows = None
    if since is not None:
        rows = pc.field("time") >= pc.scalar(since)
    if until is not None:
        before = pc.field("time") < pc.scalar(until)
        rows = before if rows is None else rows & before
    columns = ["session", "page", "time", "step"]
    table = pq.read_table(work.of("read") / "clicks.parquet", columns=columns, filters=rows)
    session, page, time, place = (table[name].to_numpy() for name in columns)
    order = np.lexsort((place, session))
    return Sessions(session[order], page[order], time[order], place[order])


def visits(sessions: Sessions, decay: float | None) -> NDArray[np.intp]:
    """Return the rows whose session has pages to want: a later one, or without `decay` any other.

    Without `decay` each page of a session is one row, its first.
    """
    chosen = []
    for start, end in runs(sessions.session):
        page = sessions.page[start:end]
        if decay is None:
            pages, first = np.unique(page, return_index=True)
            chosen.append(start + first if len(pages) > 1 else first[:0])
        else:
            differs = np.flatnonzero(page != page[-1])  # up to the last page that another one follows
            chosen.append(np.arange(start, start + (differs[-1] + 1 if len(differs) else 0)))
    return np.concatenate([np.empty(0, np.intp), *chosen])


def wanted_on(sessions: Sessions, rows: NDArray[np.intp], decay: float | None) -> Iterator[Wanted]:
    """Yield what the session of each row wants on its page."""
    starts = np.searchsorted(sessions.session, sessions.session[rows])
    ends = np.searchsorted(sessions.session, sessions.session[rows], side="right")
    for row, start, end in zip(rows.tolist(), starts.tolist(), ends.tolist(), strict=True):
        yield wanted(sessions.page[start:end], sessions.place[start:end], row - start, decay)
