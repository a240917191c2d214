"""Plausible: the ZIP of daily totals that its export makes, and events dumped from ClickHouse (`events_v2`) as CSV.

Totals have no sessions, so they only tell which pages there are. Pages are paths without a scheme: https is assumed.
"""

from __future__ import annotations

import errno
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from corpus.imports.export_file import ZIP, ExportFile, open_export
from corpus.imports.instants import from_text
from corpus.imports.numbers import as_number
from corpus.imports.records import NO_URL, Engagement, LeftOut, Numbered, Page, Record, View
from corpus.imports.text_records import csv_rows
from corpus.schema import InputError

_TOTALS = ("date", "hostname", "page")  # of imported_pages_*.csv
_EVENTS = ("timestamp", "name", "hostname", "pathname", "session_id")
_NAME = "imported_"  # starts the name of every table of an export
_MS = 1_000.0
_BAD_MEMBER = (  # what zipfile raises: damaged, encrypted, in an unknown compression, at an impossible place
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError,
)  # fmt: skip


class Plausible:
    """Reads pages from totals; page views, and reading time from engagements, from events."""

    name, title, unit = "plausible", "a CSV export of Plausible", "row"

    def recognises(self, file: ExportFile) -> bool:
        if file.head.startswith(ZIP):
            return any(_is_table(name) for name in _names(file.path))
        header = _header(file)
        return file.path.name.startswith(_NAME) or header.issuperset(_TOTALS) or header.issuperset(_EVENTS)

    def read(self, file: ExportFile) -> Numbered:
        if file.head.startswith(ZIP):
            yield from _members(file)
            return
        header = _header(file)
        if header.issuperset(_EVENTS):
            yield from _rows(file, _event)
        elif header.issuperset(_TOTALS):
            yield from _rows(file, _total)
        else:
            yield 1, LeftOut("totals that name no page", "file", file.path.name)


def _header(file: ExportFile) -> set[str]:
    return {name.strip().strip('"').lower() for name in file.start.partition("\n")[0].split(",")}


def _names(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(f"{path} could not be read: {error}: export the file again") from error


def _is_table(name: str) -> bool:
    return Path(name).name.startswith(_NAME) and name.endswith(".csv")


def _members(file: ExportFile) -> Numbered:
    """Read the tables of a ZIP one after another, each unpacked into the working directory."""
    for name in filter(_is_table, _names(file.path)):
        unpacked = file.working / Path(name).name
        try:
            with zipfile.ZipFile(file.path) as archive, archive.open(name) as source, unpacked.open("wb") as target:
                shutil.copyfileobj(source, target)
        except _BAD_MEMBER as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise InputError(f"{file.path} could not be read: {name}: {error}: export the file again") from error
        yield from Plausible().read(open_export(unpacked, file.working))
        unpacked.unlink()


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
