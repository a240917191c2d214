"""Imports exports of one tool into a directory of input tables, beside what was imported from other tools."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from corpus.imports.export_file import ZIP, ExportFile, expand, open_export
from corpus.imports.html_directory import HtmlDirectory
from corpus.imports.importer import Importer
from corpus.imports.keeper import Keeper
from corpus.imports.ledger import Ledger
from corpus.imports.parts import Parts
from corpus.imports.records import Page
from corpus.imports.registry import IMPORTERS
from corpus.imports.tables import Made, make_tables
from corpus.schema import TABLES, InputError
from corpus.urls.host_pattern import HostPattern
from corpus.urls.url_rules import RULES, UrlRules

#: Where the parts of all imports are, in the directory of the tables; readers of tables pass over such names.
IMPORTS = "_imports"


@dataclass(frozen=True, slots=True)
class Options:
    """How addresses are read and which pages are kept."""

    rules: UrlRules = RULES
    hosts: Sequence[HostPattern] = ()  # only pages of these; none: all
    only_listed: bool = False  # leave out pages that only a log names
    html: Path | None = None  # directory with the HTML of the pages that a sitemap lists


@dataclass(frozen=True, slots=True)
class Report:
    """What an import did."""

    tool: str
    unit: str
    ledger: Ledger
    hosts: dict[str, int]  # host -> views, most first
    tables: Made = field(repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        tables = {name: getattr(self.tables, name) for name in Made.__slots__}
        return {"tool": self.tool, **self.ledger.as_dict(), "hosts": self.hosts, "tables": tables}


def import_files(tool: str, files: Sequence[str | Path], out: Path, options: Options = Options()) -> Report:
    """Read exports of a tool, and make the tables in `out` from them and from what other tools gave before.

    What the same tool gave before is replaced. Memory does not grow with the files.
    Raises InputError if a file is another tool's, or if nothing in them can be used; `out` is then unchanged.
    """
    importer, paths = IMPORTERS[tool], expand(files)
    _check_out(out)
    parts = out / IMPORTS
    parts.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".reading-", dir=parts) as working:
        new = Path(working) / tool
        new.mkdir()
        ledger = Ledger()
        with Parts(new) as written:
            keeper = Keeper(written, ledger, options.rules, options.hosts)
            _read(importer, paths, keeper, ledger, Path(working), options.html)
        _check_kept(importer, ledger)
        shutil.rmtree(parts / tool, ignore_errors=True)
        new.rename(parts / tool)
    made = make_tables(parts, out, options.only_listed)
    report = Report(tool, importer.unit, ledger, dict(keeper.hosts.most_common()), made)
    (parts / tool / "report.json").write_bytes(orjson.dumps(report.as_dict(), option=orjson.OPT_INDENT_2))
    return report


def _read(
    importer: Importer, paths: Mapping[Path, bool], keeper: Keeper, ledger: Ledger, working: Path, html: Path | None
) -> None:
    pages = HtmlDirectory(html) if html else None
    for path, named in paths.items():
        file = open_export(path, working)
        if not importer.recognises(file):
            why = _refusal(importer, file)
            if named or len(paths) == 1:
                raise InputError(why)
            ledger.unread.append(why)
            continue
        ledger.files += 1
        try:
            for number, record in importer.read(file):
                place = f"{path.name}, {importer.unit} {number}"
                keeper.keep(record, place)
                if pages is not None and isinstance(record, Page):
                    for found in pages.read(record.url):
                        keeper.keep(found, place)
        except InputError as error:  # what was read before counts; the report says that the rest is missing
            ledger.unread.append(str(error))


def _refusal(importer: Importer, file: ExportFile) -> str:
    """Return why a file is not read: the message names the tool whose export it looks like."""
    others = [other for other in IMPORTERS.values() if other is not importer and other.recognises(file)]
    if others:
        like = f"it looks like {others[0].title}: use `onward import {others[0].name}`"
    elif not file.head.strip():
        like = "it is empty: export it again"
    elif file.head.startswith(ZIP):
        like = "it is a ZIP: unpack it and give the files"
    else:
        like = f"it starts with {file.start.strip()[:60]!r}: is it the right file?"
    return f"{file.path} is not {importer.title}; {like}"


def _check_out(out: Path) -> None:
    """Raise InputError if the directory has tables that no import made: they would be overwritten, or counted twice."""
    if out.is_dir() and not (out / IMPORTS).is_dir():
        for entry in sorted(out.iterdir()):
            if entry.name.lower().startswith(tuple(table.name[:-1] for table in TABLES)):
                raise InputError(f"{out} has {entry.name}, which no import made: choose another directory for --out")


def _check_kept(importer: Importer, ledger: Ledger) -> None:
    if not ledger.kept["views"] + ledger.kept["pages"]:
        reasons = "; ".join(
            f"{reason}: {count:,} ({ledger.examples[reason]})" for reason, count in ledger.left_out.most_common(3)
        )
        why = "; ".join(filter(None, [*ledger.unread[:1], reasons])) or f"no {importer.unit} in it"
        raise InputError(f"none of {ledger.read:,} records is a page or a view: {why}")
