"""What an import did, on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from corpus.imports.run import Report

_HOSTS = 5


def show(report: Report, out: Path, console: Console) -> None:
    """Print what was read and kept, what was left out and why, and what the tables hold now."""
    ledger = report.ledger
    kept = ", ".join(f"{count:,} {kind}" for kind, count in ledger.kept.items())
    files = f"{ledger.files} file{'s' if ledger.files != 1 else ''}"
    print_line(console, f"{report.tool}: {files}, {ledger.read:,} records read; kept {kept}")
    if ledger.left_out:
        console.print(_left_out(report))
    for line in [*ledger.unread, *_remarks(report)]:
        print_line(console, f"[yellow]![/] {escape(line)}")
    tables = report.tables
    print_line(console, f"{escape(str(out))}: {tables.pages:,} pages, {tables.clicks:,} clicks")
    print_line(console, f"next: onward inspect --data {escape(str(out))}")


def print_line(console: Console, line: str) -> None:
    """Print a line that is never broken, so that it can be copied."""
    console.print(line, soft_wrap=True, highlight=False)


def _left_out(report: Report) -> Table:
    shown = Table("left out", "records", "share", "first", box=SIMPLE_HEAD)
    shown.columns[1].justify = shown.columns[2].justify = "right"
    shown.columns[3].overflow = "fold"
    for reason, count in report.ledger.left_out.most_common():
        share = f"{100 * count / report.ledger.read:.1f} %"
        shown.add_row(escape(reason), f"{count:,}", share, escape(report.ledger.examples[reason]))
    return shown


def _remarks(report: Report) -> Iterator[str]:
    """Yield what the reader should know of the tables."""
    tables, views = report.tables, sum(report.hosts.values())
    if len(report.hosts) > 1:
        shares = ", ".join(f"{host} {100 * count / views:.1f} %" for host, count in list(report.hosts.items())[:_HOSTS])
        yield f"views by host: {shares}; --host keeps only some"
    if tables.repeated:
        yield f"{tables.repeated:,} views are in the exports more than once: each counts once"
    if tables.folded:
        yield f"{tables.folded:,} addresses lead to another one (canonical links, redirects): their views count there"
    if 0 < tables.only_in_log < tables.pages:
        yield f"{tables.only_in_log:,} pages are in no sitemap and no crawl: --only-listed leaves them out"
    if tables.not_listed:
        yield f"{tables.not_listed:,} pages are in no sitemap and no crawl: left out"
    if tables.without_title:
        yield f"{tables.without_title:,} of {tables.pages:,} pages have no title: words of the address stand in"
    if tables.without_text:
        fix = "import a crawl (warc), or a sitemap with --pages"
        yield f"{tables.without_text:,} of {tables.pages:,} pages have no text: {fix}"
