"""Finds the input files and checks their columns, before any work starts."""

# ruff: noqa: S608 - names in the SQL come from the schema; file names and headers are quoted

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb

from corpus.casting import BAD, blank, value
from corpus.scan import Source, header, is_json, scan
from corpus.schema import TABLES, TYPES, InputError, Table

SUFFIXES = (".parquet", ".csv", ".csv.gz", ".csv.zst", ".jsonl", ".jsonl.gz", ".jsonl.zst")

_SAMPLE = 1000  # rows looked at before any work starts
_FEWEST = 10  # values that must all be unreadable before a whole column is called wrong


def find(data: Path) -> dict[str, Path]:
    """Return table -> file in the directory `data`. Raises InputError when a table is there twice, or pages are not."""
    if not data.is_dir():
        raise InputError(f"{data} is no directory: give the directory that holds pages, clicks and impressions")
    found: dict[str, Path] = {}
    for table in TABLES:
        files = [data / f"{table.name}{suffix}" for suffix in SUFFIXES if (data / f"{table.name}{suffix}").is_file()]
        if len(files) > 1:
            raise InputError(f"{data} holds both {files[0].name} and {files[1].name}: keep one of them")
        if files:
            found[table.name] = files[0]
        elif table.required:
            raise InputError(f"{data} holds no {table.name}: add {table.name}.parquet, .csv or .jsonl (.gz or .zst)")
    return found


def check_files(files: Mapping[str, Path]) -> None:
    """Raise InputError unless every table is known, its file is there, and pages are among them."""
    names = [table.name for table in TABLES]
    for name, path in files.items():
        if name not in names:
            raise InputError(f"there is no table {name!r}: the tables are {', '.join(names)}")
        if not path.is_file():
            raise InputError(f"{path} is no file: give an existing file for {name}")
        if not path.name.endswith(SUFFIXES):
            raise InputError(f"{path} has an unknown ending: use one of {' '.join(SUFFIXES)}")
    if "pages" not in files:
        raise InputError("no file for pages was given: the other tables refer to it")


def inspect(connection: duckdb.DuckDBPyConnection, table: Table, path: Path) -> Source:
    """Return the file as a source, its columns checked by header and first rows. Raises InputError."""
    types = header(connection, path, _SAMPLE)
    source = _matched(table, path, types)
    for column in table.columns:
        if column.name in source.found and source.found[column.name] not in TYPES[column.kind]:
            raise InputError(
                f"{path}: column {column.name!r} has type {source.found[column.name]} "
                f"(found: {_listed(types)}): write {column.kind}"
            )
    _check_sample(connection, source)
    return source


def _matched(table: Table, path: Path, types: dict[str, str]) -> Source:
    spelling = {}
    empty = is_json(path) and path.stat().st_size == 0  # no rows, so no columns either
    for column in table.columns:
        name = next((name for name in types if name.strip().lower() == column.name), None)
        if name is None and column.required and not empty:
            raise InputError(
                f"{path}: column {column.name!r} is missing (found: {_listed(types)}): add it; it holds {column.kind}"
            )
        if name is None and is_json(path):
            name = column.name  # later rows may have what the first have not
        if name is not None and (column.required or types.get(name) != '"NULL"'):
            spelling[column.name] = name
    found = {column: types.get(name, "VARCHAR").partition("(")[0] for column, name in spelling.items()}
    return Source(table, path, tuple(types), found, spelling)


def _listed(types: Mapping[str, str]) -> str:
    return ", ".join(types) or "none"


def _check_sample(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Raise InputError for a column of whose first values none can be read: it is another thing than it should be."""
    typed = [column for column in source.table.columns if column.kind in BAD and column.name in source.found]
    if not typed:
        return
    counts = ", ".join(
        f"count(*) FILTER (NOT {blank(c, source.found[c.name])}), count({value(c, source.found[c.name])}), "
        f'min("{c.name}"::VARCHAR)'
        for c in typed
    )
    sample = f"SELECT {source.columns()} FROM {scan(source.path, source.header)} LIMIT {_SAMPLE}"
    [row] = connection.execute(f"SELECT {counts} FROM ({sample})").fetchall()
    for column, filled, read, example in zip(typed, row[::3], row[1::3], row[2::3], strict=True):
        if filled >= _FEWEST and read == 0:
            raise InputError(
                f"{source.path}: column {column.name!r} holds values such as {example!r} "
                f"(found: {', '.join(source.header)}): write {column.kind}"
            )
