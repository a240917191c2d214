"""Strings and names as SQL writes them."""

from __future__ import annotations


def quoted(text: str) -> str:
    """Return an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def quoted_name(text: str) -> str:
    """Return an SQL name."""
    return '"' + text.replace('"', '""') + '"'
