"""Numbers as tools write them: as numbers or as text, and sometimes as neither."""

from __future__ import annotations

import math


def as_number(value: object) -> float | None:
    """Return a finite number, None for anything else."""
    if isinstance(value, str) and "_" in value:  # Python's own notation
        return None
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def as_whole(value: object) -> int | None:
    """Return a whole number, None for anything else."""
    if isinstance(value, str) and "_" in value:
        return None
    try:
        return int(value)  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError, OverflowError):
        return None
