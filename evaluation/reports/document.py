"""Parts shared by all HTML reports, which are single files that need no network: style, facts, intervals."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from evaluation.metrics.bootstrap import Interval

_STYLE = (
    "body{font-family:sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse}td,th{padding:.2rem .8rem;text-align:right;border-bottom:1px solid #ddd}"
    "td:first-child,th:first-child{text-align:left}.chosen{background:#ffe9b8}"
)


def opening(title: str) -> list[str]:
    """Return the first lines of a page; `</html>` must end it."""
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    return [f'<!doctype html><html lang="en">{head}', f"<h1>{escape(title)}</h1>"]


def facts_table(facts: Mapping[str, object]) -> str:
    """Return a table of names and values."""
    rows = (f"<tr><td>{escape(name)}</td><td>{escape(str(value))}</td></tr>" for name, value in facts.items())
    return f"<table>{''.join(rows)}</table><br>"


def interval_text(found: Interval, places: int = 2, signed: bool = False) -> str:
    """Return a figure with its interval; a dash if nothing was counted."""
    if found.mean != found.mean:
        return "–"
    how = f"{'+' if signed else ''}.{places}f"
    return f"{found.mean:{how}} [{found.low:{how}}, {found.high:{how}}]"
