"""Opens the files of a table and checks their columns, before any work starts."""

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
from corpus.files.scan import NO_TYPE, Field, Part, Source, look, scan
from corpus.schema import TYPES, Column, InputError, Kind, Table
from corpus.times import UNITS, in_unit

_SAMPLE = 1000  # rows looked at before any work starts
_FEWEST = 10  # values that must all be unreadable before a whole column is called wrong
_OTHER_UNIT = 0.05  # of a column's numbers; when more than this share are in another unit, neither is certain


@dataclass(frozen=True, slots=True)
class Opened:
    """A table whose view is made, and lines on what was assumed of its files."""

    source: Source
    notes: tuple[str, ...]


def open_table(connection: duckdb.DuckDBPyConnection, table: Table, files: Sequence[Path], working: Path) -> Opened:
    """Inspect and load the files of one table. Raises InputError, which names the file that could not be read."""
    return loaded(connection, inspect(connection, table, files, working), working)


def inspect(connection: duckdb.DuckDBPyConnection, table: Table, files: Sequence[Path], working: Path) -> Source:
    """Return the files as a source, their columns checked by header and first rows. Raises InputError.

    `working` is a directory for copies of files that DuckDB cannot read.
    """
    parts = []
    for i, path in enumerate(files):
        with reading(path):
            parts.append(look(connection, table, path, working / f"{table.name}_{i}.utf8", _SAMPLE))
    # A task without rows writes a part of nothing, not even of a header.
    parts = [_matched(table, part) for part in [part for part in parts if not part.empty] or parts[:1]]
    for part in parts:
        with reading(part.path):
            _check_sample(connection, table, part)
    return Source(table, files[0], tuple(parts), _types(parts), {})


def loaded(connection: duckdb.DuckDBPyConnection, source: Source, working: Path) -> Opened:
    """Make the view of a source, and tell the unit of its times. Raises InputError."""
    with reading(source.path):
        broken = load(connection, source, working)
        source = replace(source, units=dict(_units(connection, source)))
    return Opened(source, tuple(_notes(source, broken)))


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Say which file DuckDB gave up on. Raises InputError."""
    try:
        yield
    except duckdb.Error as error:
        message = f"{path} could not be read: {str(error).splitlines()[0]}: write the file again"
        raise InputError(message) from error


def _notes(source: Source, broken: Iterable[str]) -> Iterable[str]:
    name = source.path.name if len(source.parts) == 1 else f"{source.path.name} and the other parts"
    said = [*(note for part in source.parts[:1] for note in part.notes)]
    for column in source.table.columns:
        named = [f.title for f in source.parts[0].fields if _plain(f) == column.name]
        if len(named) > 1:
            kept = source.parts[0].spelling[column.name].title
            said.append(f"the columns {' and '.join(map(repr, named))} are both {column.name!r}: {kept!r} is read")
    said += [f"{column!r} is read as {unit} since 1970" for column, unit in source.units.items() if unit != "seconds"]
    yield from (f"{name}: {note}" for note in [*said, *broken])


def _plain(field: Field) -> str:
    return field.title.strip().lower()


def _matched(table: Table, part: Part) -> Part:
    """Return the file with the place of each column of the table. Raises InputError for one missing or wrong."""
    spelling: dict[str, Field] = {}
    is_json = part.form.kind is FileKind.JSON
    for column in table.columns:
        named = sorted((f for f in part.fields if _plain(f) == column.name), key=lambda f: f.title != column.name)
        if not named and column.required and not (is_json and part.empty):
            raise InputError(
                f"{part.path}: column {column.name!r} is missing (found: {_listed(part)}): "
                f"add it; it holds {column.kind}"
            )
        if not named and is_json:
            named = [Field("line", column.name, "VARCHAR")]  # later rows may have what the first have not
        if named:
            spelling[column.name] = named[0]
            if (found := named[0].type.partition("(")[0]) not in TYPES[column.kind] | {NO_TYPE}:
                raise InputError(
                    f"{part.path}: column {column.name!r} has type {found} "
                    f"(found: {_listed(part)}): write {column.kind}"
                )
    return replace(part, spelling=spelling)


def _types(parts: Sequence[Part]) -> dict[str, str]:
    """Return column -> its type; where parts differ, the one that SQL makes of them in a union."""
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
    """Raise InputError for a column of whose first values none can be read: it is another thing than it should be."""
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
                f"{part.path}: column {column.name!r} holds values such as {example!r} "
                f"(found: {_listed(part)}): write {column.kind}"
            )


def _first_rows(connection: duckdb.DuckDBPyConnection, part: Part) -> str:
    """Return SQL for the first rows of a file; those of CSV are parsed here, since DuckDB stumbles over odd quotes."""
    if part.form.kind is not FileKind.CSV:
        return scan(part)
    rows = [row for row in islice(csv_rows(part, frozenset()), _SAMPLE) if isinstance(row, list)]
    connection.register("first_rows", as_table(rows, part))
    return "first_rows"


def _units(connection: duckdb.DuckDBPyConnection, source: Source) -> Iterable[tuple[str, str]]:
    """Yield each time column that may hold numbers, with their unit: told by their size, for the column as a whole.

    Raises InputError where numbers of two units are mixed.
    """
    for column in source.table.of(Kind.TIME):
        if source.found.get(column.name, "DATE").startswith(("DATE", "TIMESTAMP")):
            continue
        yield column.name, _unit(connection, source, column)


def _unit(connection: duckdb.DuckDBPyConnection, source: Source, column: Column) -> str:
    counts = ", ".join(f"count(*) FILTER ({in_unit('number', unit)})" for unit in UNITS)
    values = f"SELECT {number_of(column)} AS number, {blank(column)} AS empty FROM {source.view}"
    [(filled, *row)] = connection.execute(f"SELECT count(*) FILTER (NOT empty), {counts} FROM ({values})").fetchall()
    (most, unit), (second, other) = sorted(zip(row, UNITS, strict=True), key=lambda pair: -pair[0])[:2]
    if most + second <= filled / 2:  # text, among which a lone number may be anything
        return "seconds"
    if second > _OTHER_UNIT * sum(row):
        raise InputError(
            f"{source.path}: column {column.name!r} holds {most:,} numbers that are {unit} since 1970 and "
            f"{second:,} that are {other}: write one unit"
        )
    return unit
