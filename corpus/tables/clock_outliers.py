"""Finds log rows with a wrong clock: a few rows far before or after all others."""

# ruff: noqa: S608 - names in the SQL come from the schema

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

import duckdb

REASON = "stray time"

_FAR = timedelta(days=90)  # smallest gap to the rest of the log; the gap must also exceed the log's length
_FEW = 0.01  # largest share of all rows, at least one row
_ENOUGH = 10  # rows; with fewer, outliers cannot be identified


class Span(NamedTuple):
    """A range of days without a large gap, and its number of rows."""

    first: date
    last: date
    rows: int


def reject_strays(connection: duckdb.DuckDBPyConnection, tables: Sequence[str]) -> None:
    """Reject outlying rows of these tables: they would move the end of the log, from which time windows count back."""
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
    """Return the outlying ranges at both ends of a log, given its days in order with their row counts.

    A range is an outlier if it has at most 1 % of the rows, or one row, and the gap to the rest of the log is longer
    than 90 days and longer than the rest.
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
