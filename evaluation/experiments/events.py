"""Reads logged events: one row per impression of an experiment, with its clicks, in an embedded database."""

# ruff: noqa: S608 - names in the SQL are constants; file names are quoted, values are parameters

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow.parquet as pq

from corpus.events.read import VIEW, view_events
from corpus.files.input_files import parts_of
from corpus.schema import InputError
from evaluation.metrics.clicks import SATISFIED_S

_DAY = 86_400_000_000  # microseconds

_EVENTS = f"""
    CREATE TABLE event AS
    SELECT * EXCLUDE (time, experiment, arm), nullif(experiment, '') AS experiment, nullif(arm, '') AS arm,
        epoch_us(time) AS time, epoch_us(time) // {_DAY} AS day
    FROM {VIEW}"""

#: One row per impression of the experiment. A page that was clicked twice in it counts once; a click counts for the
#: answer that it names alone, since clients may reuse the ID of an impression.
_IMPRESSIONS = """
    CREATE TABLE impression AS
    WITH shown AS (
        SELECT * FROM event WHERE kind = 'impression' AND ($experiment IS NULL OR experiment = $experiment)
        QUALIFY row_number() OVER (PARTITION BY impression_id ORDER BY time) = 1
    ), clicked AS (
        SELECT impression_id, answer_id, list(DISTINCT position) AS clicked FROM event
        WHERE kind = 'click' AND position IS NOT NULL GROUP BY impression_id, answer_id
    ), stayed AS (
        SELECT impression_id, answer_id, list(DISTINCT position) AS stayed FROM event
        WHERE kind = 'dwell' AND dwell_s >= $satisfied_s AND position IS NOT NULL GROUP BY impression_id, answer_id
    )
    SELECT impression_id, answer_id, day, time, unit, coalesce('u' || unit, 'i' || impression_id) AS cluster, arm, url1,
        coalesce(urls, []) AS urls, teams, propensities,
        list_filter(coalesce(clicked, []), lambda p: p BETWEEN 1 AND len(coalesce(urls, []))) AS clicked,
        list_filter(coalesce(stayed, []), lambda p: list_contains(coalesce(clicked, []), p)) AS stayed
    FROM shown LEFT JOIN clicked USING (impression_id, answer_id) LEFT JOIN stayed USING (impression_id, answer_id)"""

_UNSEEN = """
    SELECT count(*) FROM event WHERE kind = 'click' AND ($experiment IS NULL OR experiment = $experiment)
        AND (impression_id, answer_id) NOT IN (SELECT impression_id, answer_id FROM impression)"""


@dataclass(frozen=True, slots=True)
class Counts:
    """What was read, and what was left out."""

    events: int  # rows in the files
    repeated: int  # sent again: the same event_id
    impressions: int  # of the experiment
    clicks: int  # on different positions of its impressions
    unseen_clicks: int  # clicks of the experiment without an impression; left out


@contextmanager
def open_experiment(
    path: Path, experiment: str | None, satisfied_s: float = SATISFIED_S, *, threads: int = 2, memory: str = "2GB"
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Counts]]:
    """Yield a database with the tables `event` and `impression` of one experiment (None: of all), and what was read.

    `path` is a Parquet file or a directory of them. Raises InputError without files, columns or such an experiment.
    """
    with (
        TemporaryDirectory(prefix="onward-events-") as spilled,
        duckdb.connect(config={"threads": threads, "memory_limit": memory, "temp_directory": spilled}) as connection,
    ):
        files = parts_of(path)
        view_events(connection, files)
        connection.execute(_EVENTS)
        connection.execute(_IMPRESSIONS, {"experiment": experiment, "satisfied_s": satisfied_s})
        rows = sum(pq.read_metadata(file).num_rows for file in files)
        yield connection, _counted(connection, path, experiment, rows)


def _counted(connection: duckdb.DuckDBPyConnection, path: Path, experiment: str | None, rows: int) -> Counts:
    def number(query: str, **values: str | None) -> int:
        return int(connection.execute(query, values or None).fetchall()[0][0] or 0)

    impressions = number("SELECT count(*) FROM impression")
    if not impressions:
        names = connection.execute("SELECT DISTINCT experiment FROM event WHERE experiment IS NOT NULL ORDER BY 1")
        known = ", ".join(row[0] for row in names.fetchall())
        choice = f"give one of these: {known}" if known else "the events name no experiment yet"
        raise InputError(f"{path}: no impression of the experiment {experiment!r}: {choice}")
    kept = number("SELECT count(*) FROM event")
    clicks = number("SELECT sum(len(clicked)) FROM impression")
    return Counts(rows, rows - kept, impressions, clicks, number(_UNSEEN, experiment=experiment))
