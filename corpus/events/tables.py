"""Turns events into rows of two input tables: what readers were shown, and the steps that they took."""

# ruff: noqa: S608 - file names are quoted

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from corpus.events.read import VIEW, view_events
from corpus.files.sql_quoting import quoted

# A click proves that its list was seen, also if the event of the impression was lost.
_LISTS = f"""
    CREATE TEMP TABLE lists AS SELECT impression_id, answer_id, any_value(unit) AS unit, any_value(url1) AS url1,
        any_value(urls) AS urls, any_value(propensities) AS propensities,
        any_value(shuffled) AS shuffled,
        coalesce(min(time) FILTER (kind = 'impression'), min(time)) AS time
    FROM {VIEW} GROUP BY ALL"""

_CHOSEN = f"""
    CREATE TEMP TABLE chosen AS SELECT impression_id, answer_id, position, any_value(url2) AS url2,
        min(time) FILTER (kind = 'click') AS clicked_at, max(dwell_s) AS dwell_s
    FROM {VIEW} WHERE kind <> 'impression' GROUP BY ALL"""

#: Input table -> SQL for its rows.
_ROWS = {
    "impressions": """
        SELECT impression_id AS impression, time, url1, shown AS url2, position, clicked_at IS NOT NULL AS clicked,
            dwell_s, coalesce(shuffled AND list_max(propensities) < 1, false) AS random,
            propensities[position] AS propensity
        FROM (SELECT *, unnest(urls) AS shown, generate_subscripts(urls, 1)::SMALLINT AS position FROM lists)
        LEFT JOIN chosen USING (impression_id, answer_id, position)
        ORDER BY time, impression_id, position""",
    "clicks": """
        SELECT session, url, time, dwell_s FROM (
            SELECT coalesce(unit, impression_id) AS session, url1 AS url, least(time, min(clicked_at)) AS time,
                NULL::REAL AS dwell_s, 0 AS step
            FROM lists JOIN chosen USING (impression_id, answer_id) WHERE clicked_at IS NOT NULL
            GROUP BY impression_id, answer_id, unit, url1, time
            UNION ALL
            SELECT coalesce(unit, impression_id), chosen.url2, clicked_at, dwell_s, 1
            FROM lists JOIN chosen USING (impression_id, answer_id) WHERE clicked_at IS NOT NULL)
        ORDER BY time, step""",
}


def write_tables(connection: duckdb.DuckDBPyConnection, files: Sequence[Path], directory: Path) -> dict[str, Path]:
    """Write `clicks` and `impressions` as Parquet files into a directory; return them by table. Raises InputError.

    An impression is every page of a list that was seen. It is `random` if the whole list was shuffled: no rule had a
    place of it, nor was it longer than what the arm explores. A click is two steps, of its page1 and its page2, in the
    session of its unit; where no unit was sent, in one of its impression.
    """
    view_events(connection, files)
    connection.execute(_LISTS)
    connection.execute(_CHOSEN)
    written = {}
    for table, rows in _ROWS.items():
        path = written[table] = directory / f"{table} of events.parquet"
        connection.execute(f"COPY ({rows}) TO {quoted(str(path))} (FORMAT parquet)")
    return written
