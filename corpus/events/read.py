"""Reads the events table from Parquet files: one row per event, however often it was stored."""

# ruff: noqa: S608 - file names are quoted

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from corpus.events.schema import SCHEMA
from corpus.files.input_files import parts_of
from corpus.files.sql_quoting import quoted
from corpus.schema import InputError

VIEW = "events"


def read_events(path: Path) -> pa.Table:
    """Return the events of a Parquet file, or of all below a directory, in the order of time. Raises InputError."""
    with closing(duckdb.connect()) as connection:
        view_events(connection, parts_of(path))
        return connection.sql(f"FROM {VIEW} ORDER BY time, event_id").to_arrow_table().cast(SCHEMA)


def view_events(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    """Create the view `events`. Raises InputError, which names a file that has no events."""
    for file in files:
        _check(file)
    names = ", ".join(quoted(str(file)) for file in files)
    columns = ", ".join(SCHEMA.names)
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(
        f"CREATE TEMP VIEW {VIEW} AS SELECT DISTINCT ON (event_id) {columns} "
        f"FROM read_parquet([{names}], union_by_name = true) ORDER BY event_id, received"
    )


def _check(file: Path) -> None:
    try:
        found = pq.read_schema(file)
    except (OSError, pa.ArrowInvalid) as error:
        problem = str(error).splitlines()[0]
        raise InputError(f"{file} could not be read as events: {problem}: write them with `onward events`") from None
    for field in SCHEMA:
        if field.name not in found.names:
            raise InputError(f"{file}: column {field.name!r} is missing: events are written by `onward events`")
        if not found.field(field.name).type.equals(field.type):
            kind = found.field(field.name).type
            raise InputError(f"{file}: column {field.name!r} has type {kind}: it must be {field.type}")
