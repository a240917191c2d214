"""Splits sessions into visits at pauses, numbers their steps, and cuts visits of robots short."""

# ruff: noqa: S608 - names in the SQL come from the schema

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import duckdb
from pydantic import Field

from corpus.column_types import FUTURE
from corpus.tables.clock_outliers import REASON as STRAY

RELOAD, TOO_LONG = "reload", "session too long"

_NOT_PLACED = f"('later', '{FUTURE}', '{STRAY}')"  # reject reasons of rows that are not part of the log
_DAY, _HOUR, _MINUTE = 86_400, 3_600, 60


@dataclass(frozen=True, slots=True)
class Sessions:
    """How sessions are split into visits."""

    gap_minutes: Annotated[float, Field(ge=0)] = 30.0  # a longer pause starts a new visit; 0: never
    longest: Annotated[int, Field(ge=1)] = 200  # pages per visit; later ones are rejected: probably robots


#: The defaults.
SESSIONS = Sessions()


def split_visits(connection: duckdb.DuckDBPyConnection, sessions: Sessions, only_dates: bool) -> None:
    """Create the table `visits` (ordinal, visit, step), and reject reloads and the ends of overlong visits.

    `step` is the position in the visit, from 0; unknown pages count as steps, so the pages around them are not
    consecutive. If `only_dates`, times have no time of day, so pauses cannot be detected.
    """
    connection.execute(
        f"CREATE TABLE visits AS WITH {_walk(_gap_s(connection, sessions, only_dates))} "
        "SELECT ordinal, session, visit, page, reload,"
        " sum((NOT reload)::INT) OVER (PARTITION BY session, visit ORDER BY time, ordinal) - 1 AS step FROM walked"
    )
    here = "SELECT ordinal FROM kept_clicks SEMI JOIN (SELECT ordinal FROM visits WHERE {}) USING (ordinal)"
    for reason, rows in ((RELOAD, "reload"), (TOO_LONG, f"step >= {sessions.longest}")):
        connection.execute(f"INSERT INTO wrong_clicks SELECT ordinal, '{reason}', '' FROM ({here.format(rows)})")


def _walk(gap_s: float) -> str:
    """Return SQL for the log's rows with their visit's number and whether each is a reload."""
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


def _gap_s(connection: duckdb.DuckDBPyConnection, sessions: Sessions, only_dates: bool) -> float:
    """Return the pause that ends a visit, 0 if pauses cannot be detected; an hour longer if times are whole hours."""
    if not sessions.gap_minutes or only_dates:
        return 0.0
    of_hour = f"coalesce(bool_and(epoch(time)::BIGINT % {_HOUR} = 0), false)"
    [(hours,)] = connection.execute(f"SELECT {of_hour} FROM kept_clicks").fetchall()
    return sessions.gap_minutes * _MINUTE + (_HOUR if hours else 0)


def only_dates(connection: duckdb.DuckDBPyConnection, view: str, found: str) -> bool:
    """Return whether the clicks' times are dates without a time of day: all are midnight, and no text has a colon."""
    midnight = f"coalesce(bool_and(epoch(time)::BIGINT % {_DAY} = 0), false)"
    [(alone,)] = connection.execute(f"SELECT {midnight} FROM kept_clicks").fetchall()
    if not alone or found not in ("VARCHAR", "ENUM"):
        return bool(alone)
    [(clock,)] = connection.execute(f"SELECT coalesce(bool_or(contains(time, ':')), false) FROM {view}").fetchall()
    return not clock
