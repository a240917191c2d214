"""The sessions of a part of the log, and the pages that they want."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

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
    session, page = sessions.session, sessions.page
    if not len(session):
        return np.empty(0, np.intp)
    if decay is None:
        rows = np.lexsort((page, session))  # stable: of a page's rows the first comes first
        first = rows[_changes(session[rows]) | _changes(page[rows])]
        _, number, pages = np.unique(session[first], return_inverse=True, return_counts=True)
        return first[pages[number] > 1]
    starts = np.flatnonzero(_changes(session))
    length = np.diff(np.append(starts, len(session)))
    differs = page != np.repeat(page[starts + length - 1], length)  # from the session's last page
    row = np.arange(len(session))
    last = np.maximum.reduceat(np.where(differs, row, -1), starts)  # that another page follows
    return row[row <= np.repeat(last, length)]


def _changes(values: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Return whether each value differs from the one before; the first does."""
    return np.append(True, values[1:] != values[:-1])


def wanted_on(sessions: Sessions, rows: NDArray[np.intp], decay: float | None) -> Iterator[Wanted]:
    """Yield what the session of each row wants on its page."""
    starts = np.searchsorted(sessions.session, sessions.session[rows])
    ends = np.searchsorted(sessions.session, sessions.session[rows], side="right")
    for row, start, end in zip(rows.tolist(), starts.tolist(), ends.tolist(), strict=True):
        yield wanted(sessions.page[start:end], sessions.place[start:end], row - start, decay)
