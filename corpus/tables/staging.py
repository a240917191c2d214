"""Stages a source in the working database: casts values, joins URLs to pages and finds the problem of each bad row."""

# ruff: noqa: S608 - names in the SQL come from the schema

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb

from corpus.column_types import SQL_TYPES, blank, problems, value
from corpus.files.scan import Source
from corpus.schema import Kind, Table

# Of duplicates the first row is kept, but a clicked row always wins over an unclicked one.
_SAME = {
    "pages": "PARTITION BY url_page ORDER BY ordinal",
    "knowledge": "PARTITION BY url_page ORDER BY ordinal",
    "impressions": "PARTITION BY impression, url1_page, url2_page ORDER BY clicked DESC, ordinal",
}
_SLACK = timedelta(days=1)  # tolerance for clocks and time zones; later times must be wrong


def stage(connection: duckdb.DuckDBPyConnection, source: Source, until: datetime | None) -> None:
    """Create the tables `staged_<table>` and `wrong_<table>` (ordinal, reason, field) and the view `kept_<table>`."""
    name = source.table.name
    limit = None if until is None else f"TIMESTAMPTZ '{until.isoformat()}'"
    latest = f"TIMESTAMPTZ '{(datetime.now(UTC) + _SLACK).isoformat()}'"
    cases = " ".join(
        f"WHEN {condition} THEN {{'reason': '{reason}', 'field': '{field}'}}"
        for condition, reason, field in problems(source.table, source.found, limit, latest)
    )
    connection.execute(
        f"CREATE TABLE staged_{name} AS SELECT *, CASE {cases} END AS problem FROM ({_numbered(source)})"
    )
    connection.execute(
        f"CREATE TABLE wrong_{name} AS SELECT ordinal, problem.reason, problem.field FROM staged_{name} "
        "WHERE problem IS NOT NULL"
    )
    connection.execute(f"CREATE TEMP VIEW kept_{name} AS FROM staged_{name} ANTI JOIN wrong_{name} USING (ordinal)")


def reject_duplicates(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Reject all but one row per page, or per page in an impression."""
    if same := _SAME.get(table.name):
        rank = f"SELECT ordinal, row_number() OVER ({same}) AS nth FROM kept_{table.name}"
        repeats = f"SELECT ordinal, 'duplicate', '' FROM ({rank}) WHERE nth > 1"
        connection.execute(f"INSERT INTO wrong_{table.name} {repeats}")


def stage_empty(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Create an empty `kept_<table>` for a table that was not given."""
    columns = ", ".join(f"NULL::{SQL_TYPES[c.kind]} AS {c.name}, NULL::UBIGINT AS {c.name}_page" for c in table.columns)
    connection.execute(f"CREATE TEMP VIEW kept_{table.name} AS SELECT 0 AS ordinal, {columns} WHERE false")


def _numbered(source: Source) -> str:
    """Return SQL for the source's rows with values cast, `<column>_blank`, and the columns of `urls` for URLs."""
    values = ", ".join(
        f"{value(c, source.found[c.name], source.units.get(c.name))} AS {c.name}, {blank(c)} AS {c.name}_blank"
        if c.name in source.found
        else f"NULL::{SQL_TYPES[c.kind]} AS {c.name}, true AS {c.name}_blank"
        for c in source.table.columns
    )
    joined = source.table.of(Kind.URL)
    kept = ", ".join(c.name for c in source.table.columns if c.kind is not Kind.URL)
    flags = ", ".join(f"{c.name}_blank" for c in source.table.columns)
    of_urls = ("page", "known", "url", "address", "respelt")
    pages = ", ".join(f"{c.name}_urls.{name} AS {c.name}_{name}" for c in joined for name in of_urls)
    joins = " ".join(f"LEFT JOIN urls AS {c.name}_urls ON rows.{c.name} = {c.name}_urls.raw" for c in joined)
    rows = f"SELECT ordinal, malformed, {values} FROM {source.view}"
    return f"SELECT ordinal, malformed, {kept}, {flags}, {pages} FROM ({rows}) AS rows {joins}"
