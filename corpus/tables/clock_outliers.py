"""Finds the rows of a log whose clock was wrong: a few, far from all others, before or after them."""

# ruff: noqa: S608 - names in the SQL come from the schema

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

import duckdb

REASON = "stray time"

_FAR = timedelta(days=90)  # at least; and farther than the log is long
_FEW = 0.01  # of all rows, or one row
_ENOUGH = 10  # rows; of fewer nobody can say which are the strays


class Span(NamedTuple):
    """Days of the log that lie together, and how many rows they have."""

    first: date
    last: date
    rows: int


def reject_strays(connection: duckdb.DuckDBPyConnection, tables: Sequence[str]) -> None:
    """Reject the rows of these tables that lie far from the log: each window counts back from its end."""
    kept = " UNION ALL ".join(f"SELECT time FROM kept_{name}" for name in tables)
    if not kept:
        return
    days = connection.execute(f"SELECT time::DATE AS day, count(*) FROM ({kept}) GROUP BY day ORDER BY day").fetchall()
    for span in strays(days):
        for name in tables:
            connection.execute(
                f"INSERT INTO wrong_{name} SELECT ordinal, '{REASON}', 'time' FROM kept_{name}"
                " WHERE time::DATE BETWEEN ? AND ?",
                [span.first, span.last],
            )


def strays(days: Sequence[tuple[date, int]]) -> list[Span]:
    """Return the stray ends of a log, given its days in order with their rows.

    An end is stray when it has at most 1 % of the rows, or one row, and the gap to the rest is longer than 90 days and
    than the rest of the log.
    """
    total = sum(rows for _, rows in days)
    spans = _spans(days)
    most = max(1, int(_FEW * total))
    core = [span for span in spans if span.rows > most]
    if total < _ENOUGH or not core:
        return []
    first, last = core[0].first, core[-1].last
    far = max(_FAR, last - first)
    return [span for span in spans if first - span.last > far or span.first - last > far]


def _spans(days: Sequence[tuple[date, int]]) -> list[Span]:
    spans: list[Span] = []
    for day, rows in days:
        if spans and day - spans[-1].last <= _FAR:
            spans[-1] = Span(spans[-1].first, day, spans[-1].rows + rows)
        else:
            spans.append(Span(day, day, rows))
    return spans
