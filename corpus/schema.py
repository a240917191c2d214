"""The schema of the input tables: their columns, types, and which are optional."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class InputError(ValueError):
    """Input that cannot be read; the message names the file, the problem and the fix."""


class Kind(StrEnum):
    """The type of a column; the values are used in error messages."""

    URL = "an absolute http or https URL"
    TEXT = "text"
    ID = "text or a whole number"
    TIME = "ISO 8601 text, a timestamp, or seconds, milli-, micro- or nanoseconds since 1970 (UTC if no zone is given)"
    REAL = "a number"
    INTEGER = "a whole number from 0 to 32767"
    BOOLEAN = "true or false, or 1 or 0"


#: Kind -> DuckDB types that a Parquet column may have. CSV and JSON are read as text.
_INTEGERS = frozenset(f"{sign}{size}INT" for sign in ("", "U") for size in ("TINY", "SMALL", "BIG", "HUGE")) | {
    "INTEGER",
    "UINTEGER",
}
_NUMBERS = _INTEGERS | {"FLOAT", "DOUBLE", "DECIMAL"}
_TIMES = frozenset({"DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"})
_TEXT = frozenset({"VARCHAR", "ENUM"})
TYPES = MappingProxyType(
    {
        Kind.URL: _TEXT,
        Kind.TEXT: _TEXT,
        Kind.ID: _TEXT | _INTEGERS | {"UUID", "DECIMAL"},
        Kind.TIME: _TEXT | _NUMBERS | _TIMES,
        Kind.REAL: _TEXT | _NUMBERS,
        Kind.INTEGER: _TEXT | _NUMBERS,
        Kind.BOOLEAN: _TEXT | _NUMBERS | {"BOOLEAN"},
    }
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of an input table."""

    name: str
    kind: Kind
    required: bool = True  # the file must have the column
    blank: bool = False  # a required column may be empty in a row
    verbatim: bool = False  # `None` and `NA` are text, not missing values


@dataclass(frozen=True, slots=True)
class Table:
    """One input table."""

    name: str
    columns: tuple[Column, ...]
    required: bool = False

    def of(self, kind: Kind) -> tuple[Column, ...]:
        """Return the columns of one kind."""
        return tuple(column for column in self.columns if column.kind is kind)


PAGES = Table(
    "pages",
    (
        Column("url", Kind.URL),
        Column("title", Kind.TEXT, verbatim=True),
        Column("snippet", Kind.TEXT, blank=True),
        Column("language", Kind.TEXT, required=False),
        Column("published", Kind.TIME, required=False),
        Column("valid_until", Kind.TIME, required=False),
        Column("body", Kind.TEXT, required=False),
    ),
    required=True,
)
CLICKS = Table(
    "clicks",
    (
        Column("session", Kind.ID),
        Column("url", Kind.URL),
        Column("time", Kind.TIME),
        Column("dwell_s", Kind.REAL, required=False),
    ),
)
IMPRESSIONS = Table(
    "impressions",
    (
        Column("impression", Kind.ID),
        Column("time", Kind.TIME),
        Column("url1", Kind.URL),
        Column("url2", Kind.URL),
        Column("position", Kind.INTEGER),
        Column("clicked", Kind.BOOLEAN),
        Column("dwell_s", Kind.REAL, required=False),
        Column("random", Kind.BOOLEAN, required=False),
        Column("propensity", Kind.REAL, required=False),
    ),
)
LABELS = Table(
    "labels",
    (
        Column("url1", Kind.URL),
        Column("url2", Kind.URL),
        Column("quality", Kind.REAL),
        Column("source", Kind.TEXT, required=False),
        Column("time", Kind.TIME, required=False),
    ),
)
KNOWLEDGE = Table("knowledge", (Column("url", Kind.URL), Column("text", Kind.TEXT, verbatim=True)))

#: In reading order: the others refer to pages.
TABLES = (PAGES, CLICKS, IMPRESSIONS, LABELS, KNOWLEDGE)
