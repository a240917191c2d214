"""Opens the files of one table in DuckDB, in any format. Text files are read row by row with all columns as text."""

# ruff: noqa: S608 - names in the SQL come from the schema; file names and headers are quoted

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from corpus.column_types import missing_as_null
from corpus.files.formats import Format, Kind, part_format
from corpus.files.headers import SEPARATORS, Text, csv_header, json_layout, opened_text
from corpus.files.sql_quoting import quoted, quoted_name
from corpus.files.text_lines import LONGEST_ROW
from corpus.schema import Table

NO_TYPE = '"NULL"'  # of a Parquet column that has only nulls
PART = 1 << 40  # an ordinal is part * PART + row, negative for a malformed line


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a file."""

    sql: str  # its name in a scan
    title: str  # its name in the file
    type: str  # DuckDB type


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a table, and its mapping to the table's columns."""

    path: Path
    form: Format
    fields: tuple[Field, ...]  # for JSON, those of the first rows
    spelling: Mapping[str, Field]  # column of the schema -> its field
    text: Text | None = None  # None for Parquet
    delimiter: str = ","
    header_line: int = 1
    layout: str = ""  # JSON only
    empty: bool = False  # without even a header

    @property
    def notes(self) -> tuple[str, ...]:
        """Return messages about unusual assumptions, such as the separator."""
        usual = "\t" if ".tsv" in self.path.name.lower() else ","
        separator = "" if self.delimiter == usual else f"the separator is {SEPARATORS[self.delimiter]}"
        return tuple(filter(None, (self.text.note if self.text else "", separator)))

    def columns(self, table: Table, found: Mapping[str, str]) -> Iterator[str]:
        """Yield SQL for these columns of the table in a scan of this file, NULL for those that it lacks.

        `found` maps columns to their common type; a column that is text in one file is text in all.
        """
        kinds = {column.name: column for column in table.columns}
        for name, common in found.items():
            value, cast = "NULL", "::VARCHAR" if common == "VARCHAR" else ""
            if name in self.spelling and (type_ := self.spelling[name].type.partition("(")[0]) != NO_TYPE:
                value, cast = missing_as_null(kinds[name], type_, self._value(name)), "" if type_ == common else cast
            yield f'({value}){cast} AS "{name}"'

    def _value(self, column: str) -> str:
        if self.form.kind is not Kind.JSON:
            return quoted_name(self.spelling[column].sql)
        paths = ", ".join(quoted(f'$."{field.title}"') for field in self.spelling.values())
        row = f"CASE WHEN json_valid(line) THEN json_extract_string(line, [{paths}]) END"
        return f"({row})[{list(self.spelling).index(column) + 1}]"


@dataclass(frozen=True, slots=True)
class Source:
    """One input table: its files, and the columns found in them."""

    table: Table
    path: Path  # the file, or the first of several
    parts: tuple[Part, ...]
    found: Mapping[str, str]  # column of the schema -> its DuckDB type
    units: Mapping[str, str]  # time column -> unit of its numbers

    @property
    def view(self) -> str:
        """Name of the view with ordinal, the found columns, `malformed` and `raw` (the whole row as JSON)."""
        return f"source_{self.table.name}"

    def place(self, ordinal: int) -> str:
        """Return a row's location for messages; a negative ordinal is that of a malformed line."""
        part, row = divmod(abs(ordinal), PART)
        name = f"{self.parts[part].path.name} " if len(self.parts) > 1 else ""
        return f"{name}{'line' if ordinal < 0 else 'row'} {row}"


def open_part(connection: duckdb.DuckDBPyConnection, table: Table, path: Path, copy: Path, sample: int) -> Part:
    """Return a file with its columns, `spelling` still empty; for JSON, the keys of the first `sample` rows."""
    form = part_format(path)
    if form.kind is Kind.PARQUET:
        described = connection.execute(f"DESCRIBE SELECT * FROM read_parquet({quoted(str(path))})").fetchall()
        titles = pq.read_schema(path).names  # DuckDB renames duplicate columns
        titles = titles if len(titles) == len(described) else [row[0] for row in described]
        fields = [Field(row[0], title, row[1]) for row, title in zip(described, titles, strict=True)]
        return Part(path, form, tuple(fields), {})
    text = opened_text(path, form.packing, copy)
    if form.kind is Kind.CSV:
        header = csv_header(text, [column.name for column in table.columns])
        fields = [Field(f"c{i}", title, "VARCHAR") for i, title in enumerate(header.names)]
        short = replace(text, head="")
        return Part(path, form, tuple(fields), {}, short, header.delimiter, header.line, empty=not fields)
    part = Part(path, form, (), {}, replace(text, head=""), layout=json_layout(text))
    rows = f"SELECT line FROM {scan(part)} WHERE json_valid(line) LIMIT {sample}"
    keys = f"SELECT DISTINCT unnest(json_keys(line)) FROM ({rows}) WHERE json_type(line) = 'OBJECT'"
    titles = [name for (name,) in sorted(connection.execute(keys).fetchall())]
    empty = not titles and not connection.execute(f"SELECT 1 FROM {scan(part)} LIMIT 1").fetchall()
    return replace(part, fields=tuple(Field("line", title, "VARCHAR") for title in titles), empty=empty)


def scan(part: Part, options: str = ", ignore_errors = true") -> str:
    """Return SQL for the rows of a file, in order, with its fields as columns; JSON has one column, `line`."""
    if part.text is None:
        return f"read_parquet({quoted(str(part.path))})"
    file, packing = quoted(str(part.text.path)), f"compression = '{part.text.packing}'"
    if part.layout in ("array", "unstructured"):
        form = f"format = '{part.layout}', maximum_object_size = {LONGEST_ROW}, {packing}"
        return f"(SELECT json::VARCHAR AS line FROM read_json_objects({file}, {form}))"
    # No auto-detection: it would take a longer row for the header and drop the rows above it.
    form = f"auto_detect = false, {packing}, max_line_size = {LONGEST_ROW}{options}"
    if part.form.kind is Kind.JSON:
        # chr(1), which occurs in no text, is the delimiter. Not strict: different line ends may be mixed.
        whole = "header = false, columns = {'line': 'VARCHAR'}, delim = '\x01', quote = '', escape = ''"
        return f"(SELECT line FROM read_csv({file}, {whole}, strict_mode = false, {form}) WHERE trim(line) <> '')"
    names = ", ".join(f"{quoted(field.sql)}: 'VARCHAR'" for field in part.fields)
    row = f"header = true, columns = {{{names}}}, delim = {quoted(part.delimiter)}, quote = '\"', escape = '\"'"
    return f"read_csv({file}, {row}, {form})"
