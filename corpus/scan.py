"""Opens one input file as a DuckDB view, whatever its format. Text files are read as text, to be cast row by row."""

# ruff: noqa: S608 - names in the SQL come from the schema; file names and headers are quoted

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from corpus.schema import Table

_LONGEST_ROW = 16 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Source:
    """One input file and what it holds of its table."""

    table: Table
    path: Path
    header: tuple[str, ...]  # every column of the file; of JSON Lines, those of the first rows
    found: Mapping[str, str]  # column of the schema -> its DuckDB type in the file
    spelling: Mapping[str, str]  # column of the schema -> its name in the file

    @property
    def view(self) -> str:
        """Name of the view: ordinal, the found columns, `malformed`, `raw` (the whole row as JSON)."""
        return f"source_{self.table.name}"

    def columns(self) -> str:
        """Return SQL for the found columns of a scan, under the names of the schema."""
        if not is_json(self.path):
            return ", ".join(f'{quoted_name(name)} AS "{column}"' for column, name in self.spelling.items())
        paths = ", ".join(quoted(f'$."{name}"') for name in self.spelling.values())
        row = f"CASE WHEN json_valid(line) THEN json_extract_string(line, [{paths}]) END"
        return ", ".join(f'({row})[{i}] AS "{column}"' for i, column in enumerate(self.spelling, start=1))


def load(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Make the source's view. Parquet is read in place; a text file is read once, into the working database."""
    name = source.table.name
    numbered = f"loaded_{name} AS SELECT row_number() OVER () AS ordinal, * FROM"
    if source.path.name.endswith(".parquet"):
        connection.execute(f"CREATE VIEW {numbered} {scan(source.path, source.header)}")
    else:
        rejects = f", store_rejects = true, rejects_table = 'broken_{name}', rejects_scan = 'scan_{name}'"
        connection.execute(f"CREATE TABLE {numbered} {scan(source.path, source.header, rejects)}")
    connection.execute(f"CREATE TEMP VIEW {source.view} AS {_rows(source)}")


def _rows(source: Source) -> str:
    name, malformed = source.table.name, "false"
    if is_json(source.path):
        malformed = "CASE WHEN json_valid(line) THEN json_type(line) <> 'OBJECT' ELSE true END"
        raw = "CASE WHEN json_valid(line) THEN line::JSON ELSE to_json(line) END"
    else:
        raw = "to_json({" + ", ".join(f"{quoted(n)}: {quoted_name(n)}" for n in source.header) + "})"
    rows = f"SELECT ordinal, {source.columns()}, {malformed} AS malformed, {raw} AS raw FROM loaded_{name}"
    if source.path.name.endswith(".parquet"):
        return rows
    nothing = ", ".join(["NULL"] * len(source.spelling))
    # A line that is no row has no row number: its line number, negative, keeps it apart.
    broken = f"SELECT DISTINCT ON (line) -line::BIGINT, {nothing}, true, to_json(csv_line) FROM broken_{name}"
    return f"{rows} UNION ALL {broken}"


def scan(path: Path, columns: Iterable[str], options: str = ", ignore_errors = true") -> str:
    """Return SQL for the rows of a file with these `columns`, in order; JSON Lines have one column, `line`."""
    if path.name.endswith(".parquet"):
        return f"read_parquet({quoted(str(path))})"
    if is_json(path):
        return f"(SELECT line FROM {_lines(path, options)} WHERE trim(line) <> '')"
    # Nothing is left to be guessed: a guess takes a longer row for the header, and drops what is above it.
    names = ", ".join(f"{quoted(name)}: 'VARCHAR'" for name in columns)
    form = f"auto_detect = false, header = true, columns = {{{names}}}, delim = ',', quote = '\"', escape = '\"'"
    return f"read_csv({quoted(str(path))}, {form}, max_line_size = {_LONGEST_ROW}{options})"


def header(connection: duckdb.DuckDBPyConnection, path: Path, sample: int) -> dict[str, str]:
    """Return every column of a file with its DuckDB type; of JSON Lines, the keys of the first `sample` rows."""
    if path.name.endswith(".parquet"):
        rows = connection.execute(f"DESCRIBE SELECT * FROM {scan(path, ())}").fetchall()
        return {row[0]: row[1] for row in rows}
    if is_json(path):
        lines = f"SELECT line FROM {_lines(path)} WHERE json_valid(line) LIMIT {sample}"
        keys = f"SELECT DISTINCT unnest(json_keys(line)) FROM ({lines}) WHERE json_type(line) = 'OBJECT'"
        return {name: "VARCHAR" for (name,) in sorted(connection.execute(keys).fetchall())}
    first = connection.execute(f"SELECT line FROM {_lines(path)} LIMIT 1").fetchall()
    names = next(csv.reader([first[0][0].lstrip("\ufeff")])) if first and first[0][0] else []
    return {name or f"column {i}": "VARCHAR" for i, name in enumerate(names, start=1)}


def _lines(path: Path, options: str = ", ignore_errors = true") -> str:
    """Return SQL for the lines of a text file. chr(1), which no text holds, stands for a delimiter."""
    form = "auto_detect = false, header = false, columns = {'line': 'VARCHAR'}, delim = '\x01', quote = '', escape = ''"
    # Not strict: line ends of two kinds may be mixed.
    return f"read_csv({quoted(str(path))}, {form}, strict_mode = false, max_line_size = {_LONGEST_ROW}{options})"


def is_json(path: Path) -> bool:
    """Return whether a file is JSON Lines."""
    return ".jsonl" in path.suffixes


def quoted(text: str) -> str:
    """Return an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def quoted_name(text: str) -> str:
    """Return an SQL name."""
    return '"' + text.replace('"', '""') + '"'
