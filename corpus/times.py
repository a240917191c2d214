"""SQL that parses times: numbers since 1970 in their column's unit, and text in the formats found in logs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

#: Unit of numbers -> units per second. The valid ranges do not overlap, so a column's unit can be detected.
UNITS: Mapping[str, float] = MappingProxyType(
    {"seconds": 1.0, "milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9}
)
_FIRST, _LAST = 1e8, 4.2e9  # seconds: the years 1973 to 2103
# Smaller numbers of 12 digits are a date and a time such as 197001010000, not milliseconds in the seventies.
_FIRST_MS = 3.2e11

_OFFSET = r"(Z|[+-]\d{2}(?::?\d{2})?)?"
_COMPACT = rf"^(\d{{4}})(\d{{2}})(\d{{2}})[T ]?(\d{{2}})(\d{{2}})(\d{{2}}(?:\.\d+)?)?{_OFFSET}$"
_NAMED = (  # as written by Matomo and web servers; UTC without a zone
    "%b %d, %Y %H:%M:%S", "%B %d, %Y %H:%M:%S", "%A, %B %d, %Y %H:%M:%S", "%A, %B %d, %Y", "%B %d, %Y", "%b %d, %Y",
    "%d %b %Y %H:%M:%S", "%d %B %Y %H:%M:%S", "%a, %d %b %Y %H:%M:%S", "%d/%b/%Y:%H:%M:%S",
    "%b %d, %Y, %I:%M:%S %p", "%b %d, %Y %I:%M:%S %p", "%d-%b-%Y %H:%M:%S", "%a %b %d %H:%M:%S %Y",
    "%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S",
)  # fmt: skip


def in_unit(number: str, unit: str) -> str:
    """Return SQL that is true if a number in this unit is a time between 1973 and 2103."""
    scale = UNITS[unit]
    first = _FIRST_MS if unit == "milliseconds" else _FIRST * scale
    return f"({number} BETWEEN {first!r} AND {_LAST * scale!r})"


def from_number(number: str, unit: str | None) -> str:
    """Return SQL for a number as a time, NULL outside the unit's range; without a unit, it is guessed per number.

    A number that is a date, or a date and a time, is read as such: 20260501, 20260501090000.
    """
    units = UNITS if unit is None else [unit]
    cases = " ".join(f"WHEN {in_unit(number, name)} THEN to_timestamp({number} / {UNITS[name]!r})" for name in units)
    day = f"try_strptime({number}::BIGINT::VARCHAR, '%Y%m%d')"
    clock = f"try_strptime({number}::BIGINT::VARCHAR, '%Y%m%d%H%M%S')"
    return (
        f"CASE {cases} WHEN {number} BETWEEN 18000101 AND 22001231 AND {number} = floor({number}) "
        f"THEN {day}::TIMESTAMPTZ WHEN {number} BETWEEN 18000101000000 AND 22001231235959 "
        f"AND {number} = floor({number}) THEN {clock}::TIMESTAMPTZ END"
    )


def from_text(text: str) -> str:
    """Return SQL for text as a time: ISO 8601 (extended or basic, decimal point or comma) or with a month's name."""
    tidy = f"regexp_replace(upper({text}), '\\s*(UTC|GMT)$', 'Z')"
    tidy = f"regexp_replace({tidy}, '\\s+([+-]\\d{{2}}(:?\\d{{2}})?|Z)$', '\\1')"
    tidy = f"regexp_replace({tidy}, '(:\\d{{2}}|\\d{{6}}),(\\d)', '\\1.\\2')"
    spread = f"regexp_replace({tidy}, '{_COMPACT}', '\\1-\\2-\\3 \\4:\\5:\\6\\7')"
    spread = f"regexp_replace({spread}, ':(Z|[+-].*)?$', ':00\\1')"  # a compact time without seconds
    hours = f"regexp_replace({tidy}, '^(\\d{{4}}-\\d{{2}}-\\d{{2}}[T ]\\d{{2}})(Z|[+-].*)?$', '\\1:00\\2')"
    named = ", ".join(f"'{form}'" for form in _NAMED)
    bare = f"regexp_replace({text}, '\\s*(UTC|GMT)$', '')"
    zoned = f"try_strptime({text}, ['%a, %d %b %Y %H:%M:%S %z', '%d/%b/%Y:%H:%M:%S %z', '%d %b %Y %H:%M:%S %z'])"
    return finite(
        f"coalesce(TRY_CAST({text} AS TIMESTAMPTZ), TRY_CAST({tidy} AS TIMESTAMPTZ), TRY_CAST({spread} AS TIMESTAMPTZ),"
        f" TRY_CAST({hours} AS TIMESTAMPTZ), {zoned}, try_strptime({bare}, [{named}])::TIMESTAMPTZ)"
    )


def finite(time: str) -> str:
    """Return SQL for a time, NULL if it is infinite, which some parsers make of text."""
    # Written so that `time`, which may be long, occurs only once.
    cast = f"TRY_CAST({time} AS TIMESTAMPTZ)"
    return f"nullif(least(nullif(greatest({cast}, {_EARLIEST}), {_EARLIEST}), {_LATEST}), {_LATEST})"


_EARLIEST, _LATEST = "TIMESTAMPTZ '0001-01-01'", "TIMESTAMPTZ '9999-12-30'"
