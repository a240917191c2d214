"""SQL that reads one column of an input table, however the file spells it; what cannot be read becomes NULL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from corpus.schema import Column, Kind, Table

_SPACE = "' ' || chr(9) || chr(10) || chr(13)"
_TEXT_TYPES = ("VARCHAR", "ENUM", "UUID")

#: SQL type of each kind after reading.
SQL_TYPES = {
    Kind.URL: "VARCHAR",
    Kind.TEXT: "VARCHAR",
    Kind.ID: "UBIGINT",
    Kind.TIME: "TIMESTAMPTZ",
    Kind.REAL: "DOUBLE",
    Kind.INTEGER: "SMALLINT",
    Kind.BOOLEAN: "BOOLEAN",
}

#: What a value that cannot be read is called in the report.
BAD = {
    Kind.TIME: "bad time",
    Kind.REAL: "bad number",
    Kind.INTEGER: "bad number",
    Kind.BOOLEAN: "bad boolean",
}

# Ranges that a type cannot say: column -> (condition that is wrong, reason).
_RANGES = {
    "quality": ("quality NOT BETWEEN 0 AND 4", "quality out of 0 to 4"),
    "dwell_s": ("dwell_s < 0", "bad number"),
}


def value(column: Column, found: str) -> str:
    """Return SQL for the column's value as SQL_TYPES[kind]; `found` is its DuckDB type in the file."""
    name = f'"{column.name}"'
    match column.kind:
        case Kind.ID:
            return f"md5_number_lower({_text(name)})"  # a 64-bit key that is the same on every run
        case Kind.TIME:
            return _time(name, found)
        case Kind.REAL:
            number = _number(name, found)
            return f"CASE WHEN isfinite({number}) THEN {number} END"
        case Kind.INTEGER:
            number = _number(name, found)
            return f"CASE WHEN {number} BETWEEN 0 AND 32767 AND {number} = floor({number}) THEN {number}::SMALLINT END"
        case Kind.BOOLEAN:
            return _boolean(name, found)
        case _:
            return _text(name)


def blank(column: Column, found: str) -> str:
    """Return SQL that is true where a row leaves the column empty; NaN is an empty number."""
    name = f'"{column.name}"'
    if found in ("FLOAT", "DOUBLE"):
        return f"coalesce(isnan({name}), true)"
    if found not in _TEXT_TYPES:
        return f"{name} IS NULL"
    numeric = column.kind in (Kind.REAL, Kind.INTEGER, Kind.BOOLEAN)
    return f"({_text(name)} IS NULL" + (f" OR lower({_text(name)}) = 'nan')" if numeric else ")")


def problems(table: Table, found: Mapping[str, str], until: str | None) -> Iterator[tuple[str, str, str]]:
    """Yield (condition, reason, column) in the order of precedence; the first that holds rejects the row.

    The conditions speak of a value `name`, of `name_blank`, and of `name_page` and `name_known` for a URL.
    """
    yield "malformed", "malformed row", ""
    if until is not None and "time" in found:
        yield f"time >= {until}", "later", "time"
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


def _text(name: str) -> str:
    return f"nullif(trim({name}::VARCHAR, {_SPACE}), '')"


def _number(name: str, found: str) -> str:
    return f"TRY_CAST({_text(name) if found in _TEXT_TYPES else name} AS DOUBLE)"


def _boolean(name: str, found: str) -> str:
    if found == "BOOLEAN":
        return name
    if found in _TEXT_TYPES:
        text = f"lower({_text(name)})"
        return f"CASE WHEN {text} IN ('true', '1', '1.0') THEN true WHEN {text} IN ('false', '0', '0.0') THEN false END"
    return f"CASE WHEN {name} = 1 THEN true WHEN {name} = 0 THEN false END"


def _time(name: str, found: str) -> str:
    if found in _TEXT_TYPES:
        text, number = _text(name), _number(name, found)
        # The bare years, dates and milliseconds that some logs hold are numbers too, but no seconds since 1970.
        return f"CASE WHEN {number} IS NULL THEN {_finite(text)} ELSE {_from_seconds(number)} END"
    if found.startswith(("DATE", "TIMESTAMP")):
        return _finite(name)
    return _from_seconds(_number(name, found))


def _finite(name: str) -> str:
    time = f"TRY_CAST({name} AS TIMESTAMPTZ)"
    return f"CASE WHEN {time} BETWEEN TIMESTAMPTZ '0001-01-01' AND TIMESTAMPTZ '9999-12-30' THEN {time} END"


def _from_seconds(number: str) -> str:
    return f"CASE WHEN {number} BETWEEN 1e8 AND 4.2e9 THEN to_timestamp({number}) END"  # years 1973 to 2103
