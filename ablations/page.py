"""Tables of an ablation as HTML: every figure with its interval, the paper's figure, and whether the signs agree."""

from __future__ import annotations

from html import escape

from ablations.tables import Figure, Table
from evaluation.reports.document import interval_text


def table_html(table: Table) -> str:
    """Return the heading, the table and its notes."""
    lines = [f"<h2>Table {table.number}: {escape(table.title)}</h2>"]
    if table.rows:
        head = "".join(f"<th>{name}</th>" for name in ("row", "metric", "here", "paper", "agrees in sign?", "by seed"))
        rows = (
            _row(row.name if first else "", column, figure)
            for row in table.rows
            for first, (column, figure) in zip([True] + [False] * len(row.figures), row.figures.items(), strict=False)
        )
        lines.append(f"<table><tr>{head}</tr>{''.join(rows)}</table>")
    lines += [f"<p>{escape(note)}</p>" for note in table.notes]
    return "\n".join(lines)


def cells(figure: Figure) -> tuple[str, str, str, str]:
    """Return the figure with its interval, the paper's, whether their signs agree, and the figure of each seed."""
    places = 2 if abs(figure.found.mean) >= 1 else 3
    paper = "" if figure.paper is None else f"{figure.paper:{'+' if figure.signed else ''}g}"
    seeds = ", ".join(f"{seed:+.{places}f}" for seed in figure.seeds)
    return interval_text(figure.found, places, figure.signed), paper, figure.agrees, seeds


def _row(name: str, column: str, figure: Figure) -> str:
    texts = (name, column, *cells(figure))
    return f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in texts)}</tr>"
