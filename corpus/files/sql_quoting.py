"""Quotes strings and identifiers for SQL."""

from __future__ import annotations


def quoted(text: str) -> str:
    """Return text as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def quoted_name(text: str) -> str:
    """Return text as a quoted SQL identifier."""
    return '"' + text.replace('"', '""') + '"'
