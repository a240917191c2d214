"""The HTML of a site in a directory: as static sites are made (`path/index.html`), or as a mirror (`host/path`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from corpus.imports.html_page import LARGEST, records_of_page
from corpus.imports.records import LeftOut, Record
from corpus.schema import InputError

NO_FILE = "no HTML in the directory: only its address is kept"
_ENDINGS = ("index.html", "index.htm", ".html", ".htm", "")


class HtmlDirectory:
    """Finds the file of an address."""

    def __init__(self, root: Path) -> None:
        """Raises InputError if it is no directory."""
        if not root.is_dir():
            raise InputError(f"{root} is not a directory: give the one with the pages' HTML")
        self._root = root.resolve()

    def read(self, url: str) -> Iterator[Record]:
        """Yield what the page's HTML says; LeftOut if there is no file."""
        if (path := self._file(url)) is None:
            yield LeftOut(NO_FILE, "loc", url)
            return
        with path.open("rb") as file:
            yield from records_of_page(url, file.read(LARGEST))

    def _file(self, url: str) -> Path | None:
        try:
            parts = urlsplit(url)
            name = unquote(parts.path).strip("/") + (f"?{parts.query}" if parts.query else "")
            for candidate in self._candidates(parts.hostname or "", name):
                path = candidate.resolve()
                if path.is_relative_to(self._root) and path.is_file():  # never above the directory, by `..` or link
                    return path
        except (ValueError, OSError):  # a NUL byte, or a name that is too long
            return None
        return None

    def _candidates(self, host: str, name: str) -> Iterator[Path]:
        for base in (self._root / host, self._root):
            for ending in _ENDINGS:
                yield base / name / ending if ending.startswith("index") else base / f"{name}{ending}"
