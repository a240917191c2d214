"""Plausible: the ZIP of daily totals that its export makes, and events dumped from ClickHouse (`events_v2`) as CSV.

Totals have no sessions, so they only tell which pages there are. Pages are paths without a scheme: https is assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from corpus.files.formats import Packing
from corpus.files.headers import Text, csv_header
from corpus.imports.export_file import ZIP, ExportFile, open_export
from corpus.imports.instants import from_text
from corpus.imports.numbers import as_number
from corpus.imports.records import NO_URL, Engagement, LeftOut, Numbered, Page, Record, View
from corpus.imports.text_records import csv_rows
from corpus.imports.unpacking import names_in, plain_name, unpacked

_TOTALS = ("date", "hostname", "page")  # of imported_pages_*.csv
_EVENTS = ("timestamp", "name", "hostname", "pathname", "session_id")
_NAME = "imported_"  # starts the name of every table of an export
_MS = 1_000.0


class Plausible:
    """Reads pages from totals; page views, and reading time from engagements, from events."""

    name, title, unit = "plausible", "a CSV export of Plausible", "row"

    def recognises(self, file: ExportFile) -> bool:
        if _is_zip(file):
            return any(map(_is_table, names_in(file.path)))
        header = _header(file)
        return file.path.name.startswith(_NAME) or header.issuperset(_TOTALS) or header.issuperset(_EVENTS)

    def read(self, file: ExportFile) -> Numbered:
        if _is_zip(file):
            yield from _members(file)
            return
        header = _header(file)
        if header.issuperset(_EVENTS):
            yield from _rows(file, _event)
        elif header.issuperset(_TOTALS):
            yield from _rows(file, _total)
        else:
            yield 1, LeftOut("totals that name no page", "file", file.path.name)


def _is_zip(file: ExportFile) -> bool:
    return file.head.startswith(ZIP) and file.packing is Packing.NONE


def _header(file: ExportFile) -> set[str]:
    """Return the names of the columns, whatever separates them."""
    names = csv_header(Text(file.path, file.packing, file.start, b"\n"), [*_TOTALS, *_EVENTS]).names
    return {name.strip().lower() for name in names}


def _is_table(name: str) -> bool:
    return plain_name(name).startswith(_NAME) and name.endswith(".csv")


def _members(file: ExportFile) -> Numbered:
    """Read the tables of a ZIP one after another."""
    for table in unpacked(file.path, _is_table, file.working):
        found = open_export(table, file.working)
        if found.head.startswith(ZIP):
            yield 1, LeftOut("a ZIP inside the ZIP: unpack it and give its files", "file", table.name)
        else:
            yield from Plausible().read(found)


def _rows(file: ExportFile, record: Callable[[Mapping[str, str]], Record]) -> Iterator[tuple[int, Record]]:
    names, rows = csv_rows(file, [*_TOTALS, *_EVENTS])
    names = tuple(name.strip().lower() for name in names)
    for number, row in rows:
        yield number, row if isinstance(row, LeftOut) else record(dict(zip(names, row, strict=True)))


def _total(row: Mapping[str, str]) -> Record:
    url = _url(row["hostname"], row["page"])
    return Page(url, listed=False) if url else LeftOut(NO_URL, "hostname", row["hostname"])


def _event(row: Mapping[str, str]) -> Record:
    url, time, kind = _url(row["hostname"], row["pathname"]), from_text(row["timestamp"]), row["name"]
    if kind not in ("pageview", "engagement"):
        return LeftOut(f"event {kind[:60]}", "name", kind)
    if not url:
        return LeftOut(NO_URL, "hostname", row["hostname"])
    if time is None:
        return LeftOut("bad time", "timestamp", row["timestamp"])
    session = row["session_id"] or None
    if kind == "pageview":
        return View(url, time, session, referrer=row.get("referrer", ""))
    spent = row.get("engagement_time", "")
    if (milliseconds := as_number(spent) or 0.0) > 0:
        return Engagement(url, time, session, milliseconds / _MS)
    return LeftOut("engagement without time", "engagement_time", spent)


def _url(hostname: str, path: str) -> str:
    return f"https://{hostname}{path}" if hostname and path.startswith("/") else ""
