"""Loads the files of a table into a view in which each line is either a row or recorded as malformed.

DuckDB reads the files; those that it cannot read or may have lost rows of are first parsed row by row in Python.
"""

# ruff: noqa: S608 - names in the SQL come from the schema; file names and headers are quoted

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from corpus import schema
from corpus.files.formats import Kind
from corpus.files.scan import PART, Part, Source, scan
from corpus.files.sql_quoting import quoted, quoted_name
from corpus.files.text_lines import LONGEST_ROW, Broken, CsvRows, Survey, json_rows, survey

_AT_ONCE = 20_000  # rows
_FIELD_COUNTS = ("TOO MANY COLUMNS", "MISSING COLUMNS")  # DuckDB's errors that are reliable


def load(connection: duckdb.DuckDBPyConnection, source: Source, working: Path) -> tuple[str, ...]:
    """Create the source's view; return a message for each kind of malformed line.

    Parquet is read in place; a text file is loaded once into the working database.
    """
    selects: list[str] = []
    notes: list[str] = []
    for number, part in enumerate(source.parts):
        loaded = _Loaded(connection, source, part, f"{source.table.name}_{number}", working)
        if part.text is not None:
            notes += loaded.text()
        selects += loaded.selects(number * PART)
    connection.execute(f"CREATE TEMP VIEW {source.view} AS {' UNION ALL '.join(selects)}")
    return tuple(notes)


@dataclass(slots=True)
class _Loaded:
    """One file loaded into the working database, as `loaded_<name>` and `broken_<name>`."""

    connection: duckdb.DuckDBPyConnection
    source: Source
    part: Part
    name: str
    working: Path

    def text(self) -> list[str]:
        """Load a text file; return the messages about its malformed lines."""
        text = self.part.text
        assert text is not None, self.part  # noqa: S101 - the caller checked
        if self.part.layout in ("array", "unstructured"):  # all or nothing is readable
            self._load("")
            self._break("SELECT 0::BIGINT AS number, '' AS text, '' AS why WHERE false")
            return []
        seen = survey(text.path, text.packing, text.newline, self.part.form.kind)
        if not (seen.plain and self.part.header_line == 1 and self._read_whole(seen)):
            self._repair()
        rows = self.connection.execute(
            f"SELECT why, count(*), min(number) FROM broken_{self.name} GROUP BY why ORDER BY min(number)"
        ).fetchall()
        return [self._note(why, count, first) for why, count, first in rows]

    def _note(self, why: str, count: int, first: int) -> str:
        others = f" (and {count - 1:,} more lines)" if count > 1 else ""
        hint = " (Latin-1 or Windows-1252?): convert the file to UTF-8" if "UTF-8" in why else ""
        return f"line {first} {why}{others}{hint}"

    def _read_whole(self, seen: Survey) -> bool:
        """Let DuckDB read the file; return whether every row was loaded or rejected for its number of fields."""
        rejects = f", ignore_errors = true, store_rejects = true, rejects_table = 'no_{self.name}'"
        try:
            self._load(f"{rejects}, rejects_scan = 'scan_{self.name}'")
        except duckdb.InvalidInputException:
            return False
        self._break(
            "SELECT DISTINCT ON (line) line::BIGINT AS number, csv_line AS text,"
            f" 'does not have as many fields as the header' AS why, error_type::VARCHAR AS error FROM no_{self.name}"
        )
        [(rows, broken, others)] = self.connection.execute(
            f"SELECT (SELECT count(*) FROM loaded_{self.name}), count(*),"
            f" count(*) FILTER (error NOT IN {_FIELD_COUNTS}) FROM broken_{self.name}"
        ).fetchall()
        header = self.part.form.kind is Kind.CSV
        return (
            rows + broken + header == seen.rows and not others and not (seen.several_lines and self._has_open_quote())
        )

    def _has_open_quote(self) -> bool:
        """Return whether a URL, time or number contains a line end, which means that a quote was never closed."""
        if not (fields := self._one_line()):
            return False
        over = " OR ".join(f"contains({self.part.fields[i].sql}, chr(10))" for i in fields)
        return bool(self.connection.execute(f"SELECT count(*) FROM loaded_{self.name} WHERE {over}").fetchall()[0][0])

    def _one_line(self) -> frozenset[int]:
        kinds = {column.name: column.kind for column in self.source.table.columns}
        single = {f.sql for name, f in self.part.spelling.items() if kinds[name] is not schema.Kind.TEXT}
        return frozenset(i for i, field in enumerate(self.part.fields) if field.sql in single)

    def _repair(self) -> None:
        """Parse the file row by row into one that DuckDB can read, and load that."""
        text, copy = self.part.text, self.working / f"{self.name}.parquet"
        assert text is not None, self.part  # noqa: S101 - the caller checked
        rows: Iterable[list[str] | Broken]
        if self.part.form.kind is Kind.JSON:
            lines = json_rows(text.path, text.packing, text.newline)
            rows = ([line] if isinstance(line, str) else line for line in lines)
        else:
            rows = csv_rows(self.part, self._one_line())
        broken = self.working / f"{self.name}.broken.parquet"
        _write(rows, self.part, copy, broken)
        self.connection.execute(f"DROP TABLE IF EXISTS loaded_{self.name}")
        self._number(f"read_parquet({quoted(str(copy))})")
        self._break(f"FROM read_parquet({quoted(str(broken))})")

    def _load(self, options: str) -> None:
        self._number(scan(self.part, options))

    def _number(self, rows: str) -> None:
        self.connection.execute(
            f"CREATE TABLE loaded_{self.name} AS SELECT row_number() OVER () AS ordinal, * FROM {rows}"
        )

    def _break(self, rows: str) -> None:
        self.connection.execute(f"CREATE OR REPLACE TABLE broken_{self.name} AS {rows}")

    def selects(self, base: int) -> Iterator[str]:
        """Yield SQL for the rows of the file and for its malformed lines."""
        columns = self.source.found
        malformed, raw = "false", self._raw()
        if self.part.form.kind is Kind.JSON:
            malformed = "CASE WHEN json_valid(line) THEN json_type(line) <> 'OBJECT' ELSE true END"
        ordinal, rows = f"{base} + ordinal", f"loaded_{self.name}"
        if self.part.text is None:
            rows, ordinal = self._parquet(base)
        listed = ", ".join(self.part.columns(self.source.table, columns))
        yield f"SELECT {ordinal} AS ordinal, {listed}, {malformed} AS malformed, {raw} AS raw FROM {rows}"
        if self.part.text is not None:  # malformed lines have negative ordinals
            nulls = ", ".join(["NULL"] * len(columns))
            yield f"SELECT -({base} + number), {nulls}, true, to_json(text) FROM broken_{self.name}"

    def _parquet(self, base: int) -> tuple[str, str]:
        file, numbered = quoted(str(self.part.path)), "file_row_number"
        if any(field.sql.lower() == numbered for field in self.part.fields):
            return f"read_parquet({file})", f"{base} + row_number() OVER ()"
        return f"read_parquet({file}, {numbered} = true)", f"{base + 1} + {numbered}"

    def _raw(self) -> str:
        if self.part.form.kind is Kind.JSON:
            return "CASE WHEN json_valid(line) THEN line::JSON ELSE to_json(line) END"
        titles: dict[str, str] = {}
        for i, field in enumerate(self.part.fields, 1):
            known = field.title.lower() in map(str.lower, titles)
            titles[f"{field.title} (column {i})" if known else field.title] = field.sql
        return "to_json({" + ", ".join(f"{quoted(t)}: {quoted_name(sql)}" for t, sql in titles.items()) + "})"


def csv_rows(part: Part, one_line: frozenset[int]) -> Iterable[list[str] | Broken]:
    """Return the rows of a CSV file below its header, and its malformed lines."""
    text = part.text
    assert text is not None, part  # noqa: S101 - it is CSV
    return CsvRows(text.path, text.packing, text.newline, part.delimiter, len(part.fields), one_line, part.header_line)


def as_table(rows: Sequence[Sequence[str]], part: Part) -> pa.Table:
    """Return rows as text columns, named as in a scan of the file; JSON has one column, `line`."""
    names = ["line"] if part.form.kind is Kind.JSON else [field.sql for field in part.fields]
    schema = pa.schema([(name, pa.string()) for name in names])
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    return pa.table([pa.array(column, pa.string()) for column in columns], schema=schema)


def _write(rows: Iterable[list[str] | Broken], part: Part, copy: Path, broken: Path) -> None:
    """Write the rows to `copy` and the malformed lines to `broken`."""
    with pq.ParquetWriter(copy, as_table([], part).schema) as good, pq.ParquetWriter(broken, _BROKEN) as bad:
        for batch in _batches(rows):
            good.write_table(as_table([row for row in batch if isinstance(row, list)], part))
            lines = [row._asdict() for row in batch if isinstance(row, Broken)]
            bad.write_table(pa.Table.from_pylist(lines, _BROKEN))


def _batches(rows: Iterable[list[str] | Broken]) -> Iterator[list[list[str] | Broken]]:
    """Yield rows in batches of bounded size."""
    batch: list[list[str] | Broken] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += len(row.text) if isinstance(row, Broken) else sum(map(len, row))
        if len(batch) >= _AT_ONCE or size > LONGEST_ROW:
            yield batch
            batch, size = [], 0
    yield batch


_BROKEN = pa.schema([("number", pa.int64()), ("text", pa.string()), ("why", pa.string())])
