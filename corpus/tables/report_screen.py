"""Prints the report on rejected rows (reasons, shares, examples, hints); fails if too many were rejected."""

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
from corpus.tables.recorded_twice import IN_LOG
from corpus.tables.report import Report, TableReport
from corpus.tables.sessions import TOO_LONG

WARNED = 0.05  # largest share of rejected rows without a warning
_EXAMPLE = 110  # characters

#: Reject reason -> likely cause or fix.
_HINTS = {
    "unknown page": "the pages table has no such URL: is it spelt differently, on another host, or missing from pages?",
    "invalid URL": "use an absolute http or https URL, with scheme and host before the path",
    "bad time": "use ISO 8601, or seconds, milli-, micro- or nanoseconds since 1970, with one unit per column",
    FUTURE: "is the clock or the unit of the numbers wrong?",
    STRAY: "a few rows, more than 90 days and more than the log's length away from all others; was the clock wrong?",
    "malformed row": "wrong number of fields, an unclosed quote, or not UTF-8: see the notes above",
    "missing required value": "empty text, NULL, NaN, None and the like count as missing",
    "duplicate": "only the first row per page, or per page in an impression, is kept",
    RESPELT: "only the first row per address is kept if all have the same title and snippet",
    IN_LOG: "steps of events that the clicks table has too",
    TOO_LONG: "probably robots; sessions.longest sets how many pages of a visit count",
}


def show(report: Report, console: Console) -> None:
    """Print ignored files, notes, tables that begin too late, and a table of rejected rows with hints."""
    notes = [note for table in report.tables.values() for note in table.notes]
    for line in (*report.ignored_files, *notes, *_too_late(report)):
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


def _too_late(report: Report) -> Iterator[str]:
    for name, table in report.tables.items():
        if table.later and not table.kept:
            yield f"{name}: no row of {table.read:,} is before --until, so it teaches nothing: is the date right?"


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
    return f"{name}: {table.lost:,} of {table.read - table.later:,} rows ({100 * table.lost_share:.1f} %) were rejected"


def check(report: Report, most_rejected: float, rejected: Path) -> None:
    """Raise InputError if more than this share of a table's rows was rejected.

    `rejected` is the path of the file with all rejected rows, for the message.
    """
    if problems := list(_problems(report, most_rejected)):
        raise InputError(f"{'; '.join(problems)}; all rejected rows are in {rejected}")


def _problems(report: Report, most_rejected: float) -> Iterator[str]:
    for name, table in report.tables.items():
        if table.lost_share > most_rejected:
            reasons = ", ".join(f"{reason}: {rows.count:,}" for reason, rows in table.rejected.items())
            first = next(rows.examples[0] for rows in table.rejected.values() if rows.examples)
            yield (
                f"{table.file}: {_lost(name, table)} ({reasons}), such as {first}: "
                "fix them, or build from the other rows with --set read.most_rejected=1"
            )
