"""Opens the files of a table and validates their columns before any work starts."""

# ruff: noqa: S608 - names in the SQL come from the schema; file names and headers are quoted

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import duckdb

from corpus.column_types import BAD, blank, number_of, value
from corpus.files.formats import Kind as FileKind
from corpus.files.loading import as_table, csv_rows, load
from corpus.files.scan import NO_TYPE, PART, Field, Part, Source, open_part, scan
from corpus.schema import TYPES, Column, InputError, Kind, Table
from corpus.times import UNITS, in_unit

_DATED = ("DATE", "TIMESTAMP")  # how the names of types begin whose values are times already
_SAMPLE = 1000  # rows checked before any work starts
_FEWEST = 10  # a column is invalid if at least this many sampled values are all unreadable
_OTHER_UNIT = 0.05  # of a column's numbers; if a larger share is in a second unit, the unit is ambiguous


@dataclass(frozen=True, slots=True)
class Opened:
    """A table whose view exists, and messages about assumptions made for its files."""

    source: Source
    notes: tuple[str, ...]


def open_table(connection: duckdb.DuckDBPyConnection, table: Table, files: Sequence[Path], working: Path) -> Opened:
    """Inspect and load the files of one table. Raises InputError, which names the unreadable file."""
    return loaded(connection, inspect(connection, table, files, working), working)


def inspect(connection: duckdb.DuckDBPyConnection, table: Table, files: Sequence[Path], working: Path) -> Source:
    """Return the files as a source after checking headers and first rows. Raises InputError.

    `working` is a directory for converted copies of files that DuckDB cannot read.
    """
    parts = []
    for i, path in enumerate(files):
        with reading(path):
            parts.append(open_part(connection, table, path, working / f"{table.name}_{i}.utf8", _SAMPLE))
    # Other programs may write a part without rows as an empty file, without a header.
    parts = [_matched(table, part) for part in [part for part in parts if not part.empty] or parts[:1]]
    for part in parts:
        with reading(part.path):
            _check_sample(connection, table, part)
    return Source(table, files[0], tuple(parts), _types(parts), {})


def loaded(connection: duckdb.DuckDBPyConnection, source: Source, working: Path) -> Opened:
    """Create the view of a source and detect the units of its times. Raises InputError."""
    with reading(source.path):
        broken = load(connection, source, working)
        source = replace(source, units=dict(_units(connection, source)))
    return Opened(source, tuple(_notes(source, broken)))


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn DuckDB errors into an InputError that names the file."""
    try:
        yield
    except duckdb.Error as error:
        message = f"{path} could not be read: {str(error).splitlines()[0]}: export the file again"
        raise InputError(message) from error


def _notes(source: Source, broken: Iterable[str]) -> Iterable[str]:
    name = source.path.name if len(source.parts) == 1 else f"{source.path.name} and the other parts"
    notes = [*(note for part in source.parts[:1] for note in part.notes)]
    for column in source.table.columns:
        named = [f.title for f in source.parts[0].fields if _plain(f) == column.name]
        if len(named) > 1:
            kept = source.parts[0].spelling[column.name].title
            notes.append(f"the columns {' and '.join(map(repr, named))} are both {column.name!r}: using {kept!r}")
    notes += [f"{column!r} read as {unit} since 1970" for column, unit in source.units.items() if unit != "seconds"]
    yield from (f"{name}: {note}" for note in [*notes, *broken])


def _plain(field: Field) -> str:
    return field.title.strip().lower()


def _matched(table: Table, part: Part) -> Part:
    """Return the file with the field of each table column. Raises InputError if one is missing or has a wrong type."""
    spelling: dict[str, Field] = {}
    is_json = part.form.kind is FileKind.JSON
    for column in table.columns:
        named = sorted((f for f in part.fields if _plain(f) == column.name), key=lambda f: f.title != column.name)
        if not named and column.required and not (is_json and part.empty):
            raise InputError(
                f"{part.path}: column {column.name!r} is missing (found: {_listed(part)}): add it, as {column.kind}"
            )
        if not named and is_json:
            named = [Field("line", column.name, "VARCHAR")]  # later rows may have the key
        if named:
            spelling[column.name] = named[0]
            if (found := named[0].type.partition("(")[0]) not in TYPES[column.kind] | {NO_TYPE}:
                raise InputError(
                    f"{part.path}: column {column.name!r} has type {found} (found: {_listed(part)}): use {column.kind}"
                )
    return replace(part, spelling=spelling)


def _types(parts: Sequence[Part]) -> dict[str, str]:
    """Return column -> type; if parts differ, the type of their SQL union."""
    found: dict[str, set[str]] = {}
    for part in parts:
        for column, field in part.spelling.items():
            found.setdefault(column, set()).add(field.type.partition("(")[0])
    return {column: _common(types - {NO_TYPE}) for column, types in found.items()}


def _common(types: set[str]) -> str:
    if len(types) == 1:
        return next(iter(types))
    of_time = {kind.startswith(("DATE", "TIMESTAMP")) for kind in types}
    return "VARCHAR" if not types or types & {"VARCHAR", "ENUM", "UUID"} or len(of_time) > 1 else max(types)


def _listed(part: Part) -> str:
    return ", ".join(field.title for field in part.fields) or "none"


def _check_sample(connection: duckdb.DuckDBPyConnection, table: Table, part: Part) -> None:
    """Raise InputError for a column whose first values are all unreadable: it has the wrong content."""
    found = _types([part])
    typed = [column for column in table.columns if column.kind in BAD and column.name in found]
    if not typed:
        return
    counts = ", ".join(
        f"count(*) FILTER (NOT {blank(c)}), count({value(c, found[c.name])}), "
        f'min("{c.name}"::VARCHAR) FILTER (NOT {blank(c)})'
        for c in typed
    )
    columns = ", ".join(part.columns(table, found))
    [row] = connection.execute(
        f"SELECT {counts} FROM (SELECT {columns} FROM {_first_rows(connection, part)} LIMIT {_SAMPLE})"
    ).fetchall()
    for column, filled, read, example in zip(typed, row[::3], row[1::3], row[2::3], strict=True):
        if filled >= _FEWEST and read == 0:
            raise InputError(
                f"{part.path}: column {column.name!r} has values such as {example!r} "
                f"(found: {_listed(part)}): use {column.kind}"
            )


def _first_rows(connection: duckdb.DuckDBPyConnection, part: Part) -> str:
    """Return SQL for the first rows of a file; CSV is parsed in Python, since DuckDB fails on stray quotes."""
    if part.form.kind is not FileKind.CSV:
        return scan(part)
    rows = [row for row in islice(csv_rows(part, frozenset()), _SAMPLE) if isinstance(row, list)]
    connection.register("first_rows", as_table(rows, part))
    return "first_rows"


def _units(connection: duckdb.DuckDBPyConnection, source: Source) -> Iterable[tuple[str, str]]:
    """Yield each time column that may contain numbers with their unit, inferred from all values of the column.

    Raises InputError if two units are mixed.
    """
    for column in source.table.of(Kind.TIME):
        if source.found.get(column.name, "DATE").startswith(_DATED):
            continue
        yield column.name, _unit(connection, source, column)


def _undated(source: Source, column: Column) -> str:
    """Return SQL that leaves out parts whose times are times already: they say nothing about numbers."""
    fields = [part.spelling.get(column.name) for part in source.parts]
    dated = [str(place) for place, field in enumerate(fields) if field and field.type.startswith(_DATED)]
    return f" WHERE abs(ordinal) // {PART} NOT IN ({', '.join(dated)})" if dated else ""


def _unit(connection: duckdb.DuckDBPyConnection, source: Source, column: Column) -> str:
    counts = ", ".join(f"count(*) FILTER ({in_unit('number', unit)})" for unit in UNITS)
    values = (
        f"SELECT {number_of(column)} AS number, {blank(column)} AS empty FROM {source.view}{_undated(source, column)}"
    )
    [(filled, *row)] = connection.execute(f"SELECT count(*) FILTER (NOT empty), {counts} FROM ({values})").fetchall()
    (most, unit), (second, other) = sorted(zip(row, UNITS, strict=True), key=lambda pair: -pair[0])[:2]
    if most + second <= filled / 2:  # mostly text: a few numbers may mean anything
        return "seconds"
    if second > _OTHER_UNIT * sum(row):
        raise InputError(
            f"{source.path}: column {column.name!r} has {most:,} numbers that look like {unit} since 1970 and "
            f"{second:,} that look like {other}: use one unit"
        )
    return unit
