"""Shows what became of the input rows: reasons, shares, examples, hints; and stops where too much was lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from corpus.column_types import FUTURE
from corpus.schema import InputError
from corpus.tables.clock_outliers import REASON as STRAY
from corpus.tables.identity import RESPELT
from corpus.tables.report import Report, TableReport
from corpus.tables.sessions import TOO_LONG

WARNED = 0.05  # share of a table's rows that may be rejected without a warning
_EXAMPLE = 110  # characters

#: What may be behind a reason.
_HINTS = {
    "unknown page": "the pages table has no such URL: is it spelt otherwise, of another host, or missing from pages?",
    "invalid URL": "an absolute http or https URL is needed: put scheme and host before the path",
    "bad time": "write ISO 8601, or seconds, milli-, micro- or nanoseconds since 1970, one unit a column",
    FUTURE: "was the clock wrong, or the unit of the numbers?",
    STRAY: "few rows, more than 90 days and the length of the log from all others; was the clock wrong?",
    "malformed row": "not as many fields as the header, an open quote, or not UTF-8: see the notes above",
    "missing required value": "a row without it says nothing; empty, NULL, NaN, None and the like are no value",
    "duplicate": "the first row of a page, and of a page in a list, is kept",
    RESPELT: "the first row of an address stays, where all of them have the same words",
    TOO_LONG: "robots, not readers: sessions.longest sets how many pages of a visit count",
}


def show(report: Report, console: Console) -> None:
    """Print what was not read, what was assumed, and a table of what was rejected, with hints."""
    for line in (*report.passed_over, *(note for table in report.tables.values() for note in table.notes)):
        console.print(f"[yellow]![/] {escape(line)}", soft_wrap=True, highlight=False)
    if not any(table.rejected for table in report.tables.values()):
        return
    console.print(_rejected(report))
    for reason in dict.fromkeys(reason for table in report.tables.values() for reason in table.rejected):
        if reason in _HINTS:
            console.print(f"  [dim]{reason}: {_HINTS[reason]}", soft_wrap=True, highlight=False)
    for name, table in report.tables.items():
        if table.lost_share > WARNED:
            console.print(f"[yellow]![/] {escape(_lost(name, table))}", soft_wrap=True, highlight=False)


def _rejected(report: Report) -> Table:
    shown = Table("table", "rejected for", "rows", "share", "first", title="rejected rows", title_justify="left")
    shown.columns[2].justify = shown.columns[3].justify = "right"
    shown.columns[4].overflow = "fold"
    for name, table in report.tables.items():
        for reason, rows in sorted(table.rejected.items(), key=lambda item: -item[1].count):
            share = f"{100 * rows.count / table.read:.1f} %"
            first = rows.examples[0] if rows.examples else ""
            first = first if len(first) <= _EXAMPLE else f"{first[:_EXAMPLE]}…"
            shown.add_row(name, reason, f"{rows.count:,}", share, escape(first))
    return shown


def _lost(name: str, table: TableReport) -> str:
    return f"{name}: {table.lost:,} of {table.read - table.later:,} rows ({100 * table.lost_share:.1f} %) are rejected"


def check(report: Report, most_rejected: float, rejected: Path) -> None:
    """Raise InputError when more than this share of a table's rows was rejected: something is wrong with the file.

    `rejected` is the file of all those rows.
    """
    if wrong := list(_too_bad(report, most_rejected)):
        raise InputError(f"{'; '.join(wrong)}; every rejected row is in {rejected}")


def _too_bad(report: Report, most_rejected: float) -> Iterator[str]:
    for name, table in report.tables.items():
        if table.lost_share > most_rejected:
            reasons = ", ".join(f"{reason}: {rows.count:,}" for reason, rows in table.rejected.items())
            first = next(rows.examples[0] for rows in table.rejected.values() if rows.examples)
            yield (
                f"{table.file}: {_lost(name, table)} ({reasons}), such as {first}: "
                "mend them, or build on the rest with --set read.most_rejected=1"
            )
