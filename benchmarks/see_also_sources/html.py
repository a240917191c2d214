"""Reads HTML documentation: Sphinx ("See also" boxes) and DocBook ("See Also" sections)."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag

from benchmarks.see_also_sources.site import Page, Site

_SITE = "https://docs.example"
_SNIPPET = 300  # characters
_SKIPPED = frozenset(("script", "style", "head", "nav"))
_NAVIGATION = ("sphinxsidebar", "related", "navheader", "navfooter", "footer", "toc", "contents")
_BLOCKS = ("div", "section", "aside")


class _Reader(HTMLParser):
    """Collects title, text and the links of "see also" blocks; navigation is left out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.heading: list[str] = []
        self.text: list[str] = []
        self.links: list[str] = []
        self._open: list[str] = []  # what each open block is: text, hidden or see_also
        self._skipped: list[str] = []
        self._in_heading, self._link_heading = "", ""
        self._sub: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        if tag in _SKIPPED:
            self._skipped.append(tag)
        elif tag in _BLOCKS:
            classes = known.get("class", "").split()
            hidden = any(name in _NAVIGATION for name in classes) or known.get("role") == "navigation"
            self._open.append("hidden" if hidden else "see_also" if "seealso" in classes else "text")
        elif tag in ("h1", "h2", "h3"):
            self._in_heading, self._sub = tag, []
        elif tag == "a" and "see_also" in self._open and "headerlink" not in known.get("class", ""):
            self.links.append(known.get("href", ""))

    def handle_endtag(self, tag: str) -> None:
        if self._skipped and tag == self._skipped[-1]:
            self._skipped.pop()
        elif tag in _BLOCKS and self._open:
            self._open.pop()
        elif tag == self._in_heading:
            self._in_heading = ""
            words = " ".join("".join(self._sub).split()).strip("¶ ")
            if words.casefold() == "see also" and self._open:
                self._open[-1] = "see_also"
            elif not self.heading and words:
                self.heading.append(words)

    def handle_data(self, data: str) -> None:
        if self._skipped or {"hidden", "see_also"} & set(self._open):
            return
        (self._sub if self._in_heading else self.text).append(data)


def html_pages(directories: Sequence[Path], language: str) -> Site:
    """Return the pages below directories that have a heading and text."""
    read: dict[str, _Reader] = {}
    for directory in directories:
        for file in sorted(directory.rglob("*.html")):
            reader = _Reader()
            reader.feed(file.read_text("utf-8", "replace"))
            if reader.heading and "".join(reader.text).strip():
                read[file.relative_to(directory.parent).as_posix()] = reader
    pages, truth = {}, {}
    for path, reader in read.items():
        text = " ".join("".join(reader.text).split())
        pages[f"{_SITE}/{path}"] = Page(reader.heading[0], text[:_SNIPPET], text[_SNIPPET:])
        linked = (_target(path, link) for link in reader.links if "://" not in link)
        if others := [f"{_SITE}/{other}" for other in dict.fromkeys(linked) if other in read and other != path]:
            truth[f"{_SITE}/{path}"] = others
    return Site(pages, truth, language)


def _target(path: str, link: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), urldefrag(link).url)) if link[:1] != "#" else path
