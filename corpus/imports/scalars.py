"""Values of JSON as text: what is no scalar may be nested deeper than Python can print."""

from __future__ import annotations


def as_text(value: object) -> str:
    """Return a scalar as text, and the kind of anything else."""
    return str(value) if value is None or isinstance(value, str | int | float) else f"a {type(value).__name__}"


def as_id(value: object) -> str | None:
    """Return an identity; None for an empty one, and for what is no scalar."""
    return str(value) if value and isinstance(value, str | int | float) else None
