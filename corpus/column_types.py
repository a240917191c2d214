"""SQL that casts one column of an input table to its type; unreadable values become NULL."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from corpus.schema import Column, Kind, Table
from corpus.times import finite, from_number, from_text

_SPACE = "' ' || chr(9) || chr(10) || chr(13)"
_TEXT_TYPES = ("VARCHAR", "ENUM", "UUID")

# What databases, data frames, spreadsheets and analytics tools write for a missing value; in lower case.
_NO_VALUE = (
    r"\n", "null", "na", "n/a", "<na>", "#n/a", "none", "nan", "nat", "nil", "empty", "undefined", "<null>", "(null)",
    "(none)", "(not set)", "-", "--", "0000-00-00", "0000-00-00 00:00:00",
)  # fmt: skip
_NO_ID = (r"\N", "NULL", "null", "None", "NaN", "nan", "<NA>", "undefined")
_TRUE, _FALSE = ("true", "t", "yes", "y", "1", "1.0"), ("false", "f", "no", "n", "0", "0.0")

#: Kind -> SQL type after casting.
SQL_TYPES = {
    Kind.URL: "VARCHAR",
    Kind.TEXT: "VARCHAR",
    Kind.ID: "UBIGINT",
    Kind.TIME: "TIMESTAMPTZ",
    Kind.REAL: "DOUBLE",
    Kind.INTEGER: "SMALLINT",
    Kind.BOOLEAN: "BOOLEAN",
}

#: Kind -> reject reason for an unreadable value.
BAD = {
    Kind.TIME: "bad time",
    Kind.REAL: "bad number",
    Kind.INTEGER: "bad number",
    Kind.BOOLEAN: "bad boolean",
}

#: Reject reason for rows whose clock or unit of time was wrong.
FUTURE = "time in the future"

# Range checks: column -> (condition that is true for an invalid value, reject reason).
_RANGES = {
    "quality": ("quality NOT BETWEEN 0 AND 4", "quality out of 0 to 4"),
    "dwell_s": ("dwell_s < 0", "bad number"),
    "propensity": ("propensity <= 0 OR propensity > 1", "propensity out of 0 to 1"),
}


def value(column: Column, found: str, unit: str | None = None) -> str:
    """Return SQL for the column's value as SQL_TYPES[kind]; `found` is its DuckDB type in the file.

    `unit` is the unit of numbers in a time column; without it, the unit is guessed per number from its size.
    """
    name = f'"{column.name}"'
    text = name if found in _TEXT_TYPES else f"{name}::VARCHAR"
    match column.kind:
        case Kind.ID:
            return f"md5_number_lower({text})"  # a 64-bit key that is the same in every run
        case Kind.TIME:
            return _time(name, text, found, unit)
        case Kind.REAL:
            number = number_of(column)
            return f"CASE WHEN isfinite({number}) THEN {number} END"
        case Kind.INTEGER:
            number = number_of(column)
            return f"CASE WHEN {number} BETWEEN 0 AND 32767 AND {number} = floor({number}) THEN {number}::SMALLINT END"
        case Kind.BOOLEAN:
            return _boolean(name, text, found)
        case _:
            return text


def blank(column: Column) -> str:
    """Return SQL that is true for rows in which the column is empty."""
    return f'"{column.name}" IS NULL'


def missing_as_null(column: Column, found: str, name: str) -> str:
    """Return SQL for a raw column with text trimmed, and with NaN and placeholders for missing values as NULL.

    The other functions here expect columns that were processed by this one: doing it only once makes reading fast.
    """
    if found in ("FLOAT", "DOUBLE"):
        return f"CASE WHEN NOT isnan({name}) THEN {name} END"
    if found not in _TEXT_TYPES:
        return name
    text = f"nullif(trim({name}::VARCHAR, {_SPACE}), '')"
    placeholder = _is_placeholder(column)
    return text if placeholder is None else f"CASE WHEN {placeholder.format(text)} THEN NULL ELSE {text} END"


def number_of(column: Column) -> str:
    """Return SQL for the column as a number, NULL if it is not one."""
    return f'TRY_CAST("{column.name}" AS DOUBLE)'


def _is_placeholder(column: Column) -> str | None:
    """Return a condition that is true for texts that mean a missing value; None if every text is a value."""
    if column.verbatim:
        return None
    if column.kind is Kind.ID:  # a short id may look like one of the other placeholders
        return _one_of(_NO_ID, "")
    if column.name == "language":  # `na` is the tag of Nauruan, `NA` is a placeholder
        return f"({{0}} <> 'na' AND {_one_of(_NO_VALUE, '(?i)')})"
    return _one_of(_NO_VALUE, "(?i)")


def _one_of(words: Iterable[str], flags: str) -> str:
    # Not IN: DuckDB turns it into a join, which takes three times as long.
    return f"regexp_full_match({{0}}, '{flags}(?:{'|'.join(map(re.escape, words))})')"


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(f"'{text}'" for text in texts)


def problems(table: Table, found: Mapping[str, str], until: str | None, latest: str) -> Iterator[tuple[str, str, str]]:
    """Yield (condition, reason, column) in order of precedence; the first true condition rejects the row.

    A time after `latest` cannot be right. Conditions refer to a column as `<name>` and `<name>_blank`, and for URLs
    also as `<name>_page` and `<name>_known`.
    """
    yield "malformed", "malformed row", ""
    if until is not None and "time" in found:
        yield f"time >= {until}", "later", "time"
    if "time" in found:
        yield f"time > {latest}", FUTURE, "time"
    for column in table.columns:
        if column.required and not column.blank:
            yield f"{column.name}_blank", "missing required value", column.name
    for column in table.columns:
        if column.name in found and column.kind in BAD:
            yield f"NOT {column.name}_blank AND {column.name} IS NULL", BAD[column.kind], column.name
        if column.name in found and column.name in _RANGES:
            condition, reason = _RANGES[column.name]
            yield condition, reason, column.name
    for column in table.of(Kind.URL):
        yield f"{column.name}_page IS NULL", "invalid URL", column.name
        yield f"NOT {column.name}_known", "unknown page", column.name


def _boolean(name: str, text: str, found: str) -> str:
    if found == "BOOLEAN":
        return name
    if found in _TEXT_TYPES:
        lower = f"lower({text})"
        return f"CASE WHEN {lower} IN ({_listed(_TRUE)}) THEN true WHEN {lower} IN ({_listed(_FALSE)}) THEN false END"
    return f"CASE WHEN {name} = 1 THEN true WHEN {name} = 0 THEN false END"


def _time(name: str, text: str, found: str, unit: str | None) -> str:
    if found in _TEXT_TYPES:
        number = f"TRY_CAST({text} AS DOUBLE)"
        return f"CASE WHEN {number} IS NULL THEN {from_text(text)} ELSE {from_number(number, unit)} END"
    if found.startswith(("DATE", "TIMESTAMP")):
        return finite(name)
    return from_number(f"TRY_CAST({name} AS DOUBLE)", unit)
