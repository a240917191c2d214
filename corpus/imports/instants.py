"""Times as tools write them, in microseconds since 1970."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from corpus.imports.numbers import as_number, as_whole

_SECOND = 1_000_000
_EARLIEST, _LATEST = 100_000_000 * _SECOND, 4_200_000_000 * _SECOND  # the years 1973 to 2103


def from_text(text: str) -> int | None:
    """Return ISO 8601 text as microseconds since 1970, UTC if it names no zone; None if it is no time."""
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return in_range(round(time.timestamp() * _SECOND))


def from_seconds(value: object) -> int | None:
    """Return seconds since 1970, or ISO 8601 text, as microseconds; None if it is no time."""
    if (seconds := as_number(value)) is not None and math.isfinite(seconds * _SECOND):
        return in_range(round(seconds * _SECOND))
    return from_text(value) if isinstance(value, str) else None


def from_microseconds(value: object) -> int | None:
    """Return a whole number of microseconds, as number or text; None if it is no time."""
    found = as_whole(value)
    return None if found is None else in_range(found)


def in_range(microseconds: int) -> int | None:
    """Return a time between 1973 and 2103, None for any other number: its unit is another."""
    return microseconds if _EARLIEST <= microseconds <= _LATEST else None
