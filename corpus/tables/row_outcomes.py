"""Counts kept and rejected rows of the staged tables, and writes the rejected ones to a file."""

# ruff: noqa: S608 - names in the SQL come from the schema

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from corpus.files.scan import PART, Source
from corpus.files.sql_quoting import quoted
from corpus.schema import Kind
from corpus.tables.report import Rejected, TableReport

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXAMPLES = 3
_NOT_REJECTED = "('later', 'reload')"


def table_reports(
    connection: duckdb.DuckDBPyConnection, sources: Iterable[Source], notes: Mapping[str, tuple[str, ...]]
) -> dict[str, TableReport]:
    """Return a report per staged table; `notes` are the messages about its files."""
    return {source.table.name: _table_report(connection, source, notes[source.table.name]) for source in sources}


def _table_report(connection: duckdb.DuckDBPyConnection, source: Source, notes: tuple[str, ...]) -> TableReport:
    name = source.table.name
    [(read,)] = connection.execute(f"SELECT count(*) FROM staged_{name}").fetchall()
    wrong = dict(connection.execute(f"SELECT reason, count(*) FROM wrong_{name} GROUP BY reason ORDER BY 1").fetchall())
    later, reloads = wrong.pop("later", 0), wrong.pop("reload", 0)
    examples = _examples(connection, source) if wrong else {}
    first = last = None
    if any(column.name == "time" for column in source.table.columns):
        span = f"SELECT epoch_us(min(time)), epoch_us(max(time)) FROM kept_{name}"
        first, last = (_time(us) for us in connection.execute(span).fetchall()[0])
    return TableReport(
        file=str(source.path),
        read=read,
        kept=read - later - reloads - sum(wrong.values()),
        later=later,
        reloads=reloads,
        respelt=_respelt(connection, source),
        rejected={reason: Rejected(count, tuple(examples.get(reason, ()))) for reason, count in wrong.items()},
        first=first,
        last=last,
        notes=notes,
    )


def _respelt(connection: duckdb.DuckDBPyConnection, source: Source) -> int:
    respelt = " OR ".join(f"{column.name}_respelt" for column in source.table.of(Kind.URL))
    [(rows,)] = connection.execute(f"SELECT count(*) FROM kept_{source.table.name} WHERE {respelt}").fetchall()
    return int(rows)


def _examples(connection: duckdb.DuckDBPyConnection, source: Source) -> dict[str, list[str]]:
    name = source.table.name
    few = (
        f"SELECT * FROM wrong_{name} WHERE reason NOT IN {_NOT_REJECTED} "
        f"QUALIFY row_number() OVER (PARTITION BY reason ORDER BY abs(ordinal)) <= {_EXAMPLES}"
    )
    joined = f"({few}) JOIN {source.view} USING (ordinal)"
    rows = f"SELECT reason, ordinal, field, raw::VARCHAR FROM {joined} ORDER BY abs(ordinal)"
    examples: dict[str, list[str]] = {}
    for reason, ordinal, field, raw in connection.execute(rows).fetchall():
        where = source.place(ordinal)
        examples.setdefault(reason, []).append(f"{where}{f', {field}' if field else ''}: {raw[:300]}")
    return examples


def write_rejected(connection: duckdb.DuckDBPyConnection, sources: Iterable[Source], path: Path) -> None:
    """Write one JSON object per rejected row: table, reason, field, row number, the row, file.

    A malformed line has its negated line number as row number.
    """
    rows = " UNION ALL ".join(
        f"SELECT '{source.table.name}' AS \"table\", reason, field, "
        f"sign(ordinal) * (abs(ordinal) % {PART}) AS row_number, raw AS row{_file(source)} "
        f"FROM wrong_{source.table.name} JOIN {source.view} USING (ordinal) WHERE reason NOT IN {_NOT_REJECTED}"
        for source in sources
    )
    connection.execute(f"COPY ({rows}) TO {quoted(str(path))} (FORMAT json)")


def _file(source: Source) -> str:
    names = ", ".join(quoted(part.path.name) for part in source.parts)
    return f", ([{names}])[abs(ordinal) // {PART} + 1] AS file"


def collisions(connection: duckdb.DuckDBPyConnection, source: Source) -> Iterator[str]:
    """Yield a message if an impression id was reused on one page: those lists were merged into one."""
    lists = (
        "SELECT max(time) - min(time) > INTERVAL 30 MINUTE OR count(*) > max(position) - min(position) + 1 AS mixed"
        " FROM kept_impressions GROUP BY impression, url1_page"
    )
    [(mixed, count)] = connection.execute(f"SELECT count(*) FILTER (mixed), count(*) FROM ({lists})").fetchall()
    if mixed:
        yield (
            f"{source.path.name}: {mixed:,} of {count:,} impressions have more pages than positions, or rows more than"
            " 30 minutes apart: were their ids reused on the same page? Give each impression a unique id"
        )


def _time(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)
