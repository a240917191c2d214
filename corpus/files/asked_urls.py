"""Reads which pages were asked for: a table with a column `url1`, in any format, or a list with a URL per line."""

# ruff: noqa: S608 - names in the SQL come from the column below; file names are quoted by corpus.files.scan

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path

import duckdb

from corpus.column_types import value
from corpus.files.input_files import parts_of
from corpus.files.sources import open_table
from corpus.schema import Column, InputError, Kind, Table

ASKED = Table("events", (Column("url1", Kind.URL),))

_LISTS = (".txt", ".lst", ".urls")


def read_asked(path: Path) -> Counter[str]:
    """Return how often each URL, as written, was asked for. Raises InputError."""
    asked = _listed(path) if path.suffix in _LISTS else _tabled(path)
    if not asked:
        raise InputError(f"{path} names no page: give a table with the column url1, or a .txt with a URL per line")
    return asked


def _listed(path: Path) -> Counter[str]:
    try:
        lines = (line.strip() for line in path.read_text("utf-8-sig", errors="replace").splitlines())
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check the path") from None
    return Counter(line for line in lines if line and not line.startswith("#"))


def _tabled(path: Path) -> Counter[str]:
    with (
        tempfile.TemporaryDirectory(prefix="onward-events-") as working,
        closing(duckdb.connect(config={"threads": 1})) as connection,
    ):
        source = open_table(connection, ASKED, parts_of(path), Path(working)).source
        url1 = value(ASKED.columns[0], source.found["url1"])
        counted = f"SELECT {url1} AS url1, count(*) FROM {source.view} GROUP BY 1 HAVING url1 IS NOT NULL ORDER BY 1"
        return Counter(dict(connection.execute(counted).fetchall()))
