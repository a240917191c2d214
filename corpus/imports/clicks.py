"""Makes clicks from the views and engagements of all imports, in a database that has them as tables."""

# ruff: noqa: S608 - the SQL is made of constants and numbers

from __future__ import annotations

import duckdb

_HEARTBEAT_S, _LONGEST_HEARTBEAT_S = 10, 120  # of Snowplow's page pings, where the log has too few to tell


def make_clicks(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Create `clicks`: the distinct views, with the time that engagements add up to; return rows and repeats.

    An engagement counts for the session's last view of the page before it. `moved` (url, target) gives the addresses
    of copies.
    """
    connection.execute(
        "CREATE TABLE viewed AS SELECT session, url, time, any_value(dwell_s) AS dwell_s, count(*) AS copies"
        " FROM views GROUP BY session, url, time"
    )
    connection.execute(
        f"""CREATE TABLE engaged AS
        SELECT v.session, v.url, v.time, sum(coalesce(e.seconds, {_heartbeat(connection)}))::FLOAT AS dwell_s
        FROM engagements AS e
        ASOF JOIN viewed AS v ON e.session = v.session AND e.url = v.url AND e.time >= v.time
        GROUP BY v.session, v.url, v.time"""
    )
    connection.execute(
        """CREATE TABLE clicks AS
        SELECT v.session, coalesce(moved.target, v.url) AS url, v.time, coalesce(v.dwell_s, e.dwell_s) AS dwell_s
        FROM viewed AS v LEFT JOIN engaged AS e ON v.session = e.session AND v.url = e.url AND v.time = e.time
        LEFT JOIN moved ON v.url = moved.url"""
    )
    [(rows, repeated)] = connection.execute("SELECT count(*), coalesce(sum(copies - 1), 0) FROM viewed").fetchall()
    return int(rows), int(repeated)


def _heartbeat(connection: duckdb.DuckDBPyConnection) -> int:
    """Return the seconds between two page pings: the most frequent whole number of them in the log."""
    pauses = (
        "SELECT round(epoch(time - lag(time) OVER (PARTITION BY session, url ORDER BY time))) AS pause"
        " FROM engagements WHERE seconds IS NULL"
    )
    usual = f"SELECT mode(pause) FROM ({pauses}) WHERE pause BETWEEN 1 AND {_LONGEST_HEARTBEAT_S}"
    [(seconds,)] = connection.execute(usual).fetchall()
    return _HEARTBEAT_S if seconds is None else int(seconds)
