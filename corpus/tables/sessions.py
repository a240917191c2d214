"""Parts sessions into visits: a pause ends one, a page that is not known keeps its place, and robots are cut short."""

# ruff: noqa: S608 - names in the SQL come from the schema

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import duckdb
from pydantic import Field

from corpus.column_types import FUTURE
from corpus.tables.clock_outliers import REASON as STRAY

RELOAD, TOO_LONG = "reload", "session too long"

_NOT_PLACED = f"('later', '{FUTURE}', '{STRAY}')"  # rows that are no part of the log
_DAY, _HOUR, _MINUTE = 86_400, 3_600, 60


@dataclass(frozen=True, slots=True)
class Sessions:
    """What of a session belongs together."""

    gap_minutes: Annotated[float, Field(ge=0)] = 30.0  # a longer pause begins a new visit; 0: none does
    longest: Annotated[int, Field(ge=1)] = 200  # pages; what follows in a longer visit is rejected: robots, not readers


#: As they are unless a build says otherwise.
SESSIONS = Sessions()


def part_visits(connection: duckdb.DuckDBPyConnection, sessions: Sessions, dates_alone: bool) -> None:
    """Make the table `visits` (ordinal, visit, step), and reject reloads and what a robot read.

    `step` is the place in the visit from 0; rows of unknown pages have theirs, so the pages around them are not
    neighbours. `dates_alone` says that the times have no clock: no pause can be told.
    """
    connection.execute(
        f"CREATE TABLE visits AS WITH {_walk(_gap_s(connection, sessions, dates_alone))} "
        "SELECT ordinal, session, visit, page, reload,"
        " sum((NOT reload)::INT) OVER (PARTITION BY session, visit ORDER BY time, ordinal) - 1 AS step FROM walked"
    )
    here = "SELECT ordinal FROM kept_clicks SEMI JOIN (SELECT ordinal FROM visits WHERE {}) USING (ordinal)"
    for reason, rows in ((RELOAD, "reload"), (TOO_LONG, f"step >= {sessions.longest}")):
        connection.execute(f"INSERT INTO wrong_clicks SELECT ordinal, '{reason}', '' FROM ({here.format(rows)})")


def _walk(gap_s: float) -> str:
    """Return SQL for the placed rows, each with the number of its visit and whether it is a reload."""
    pause = f"time - before > INTERVAL {gap_s} SECOND" if gap_s else "false"
    return f"""
        placed AS (
            SELECT s.ordinal, session, time, url_page AS page
            FROM staged_clicks AS s LEFT JOIN wrong_clicks AS w USING (ordinal)
            WHERE session IS NOT NULL AND time IS NOT NULL AND coalesce(w.reason NOT IN {_NOT_PLACED}, true)),
        stepped AS (
            SELECT *, lag(time) OVER one AS before, lag(page) OVER one AS last FROM placed
            WINDOW one AS (PARTITION BY session ORDER BY time, ordinal)),
        paused AS (SELECT *, coalesce({pause}, false) AS pause FROM stepped),
        walked AS (
            SELECT ordinal, session, time, page, NOT pause AND coalesce(page = last, false) AS reload,
                sum(pause::INT) OVER (PARTITION BY session ORDER BY time, ordinal) AS visit
            FROM paused)"""


def _gap_s(connection: duckdb.DuckDBPyConnection, sessions: Sessions, dates_alone: bool) -> float:
    """Return the pause that ends a visit, 0 where none can be told; a coarse clock makes it longer."""
    if not sessions.gap_minutes or dates_alone:
        return 0.0
    of_hour = f"coalesce(bool_and(epoch(time)::BIGINT % {_HOUR} = 0), false)"
    [(hours,)] = connection.execute(f"SELECT {of_hour} FROM kept_clicks").fetchall()
    return sessions.gap_minutes * _MINUTE + (_HOUR if hours else 0)


def dates_alone(connection: duckdb.DuckDBPyConnection, view: str, found: str) -> bool:
    """Return whether the clicks' times are dates without a clock: every one is midnight, and no text says an hour."""
    midnight = f"coalesce(bool_and(epoch(time)::BIGINT % {_DAY} = 0), false)"
    [(alone,)] = connection.execute(f"SELECT {midnight} FROM kept_clicks").fetchall()
    if not alone or found not in ("VARCHAR", "ENUM"):
        return bool(alone)
    [(clock,)] = connection.execute(f"SELECT coalesce(bool_or(contains(time, ':')), false) FROM {view}").fetchall()
    return not clock
