"""Reads manual pages (roff, gzipped): names, description, text, and the references of their SEE ALSO sections."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.see_also_sources.site import Page, Site

#: Headings of the sections "see also", "name" and "description", by language.
HEADINGS = {
    "en": ("SEE ALSO", "NAME", "DESCRIPTION"),
    "fr": ("VOIR AUSSI", "NOM", "DESCRIPTION"),
    "es": ("VÉASE TAMBIÉN", "NOMBRE", "DESCRIPCIÓN"),
    "de": ("SIEHE AUCH", "BEZEICHNUNG", "BESCHREIBUNG"),
}
_SNIPPET = 300  # characters
_HEADING = re.compile(r'^\.S[Hh]\s+"?(.*?)"?\s*$', re.MULTILINE)
_COMMENT = re.compile(r'^[\'.]\\".*$|\\".*$', re.MULTILINE)
_DROPPED = re.compile(
    r"^[.'](?:TH|Dd|Dt|Os|PP|P|LP|br|sp|nf|fi|in|ft|ad|nh|hy|ne|de|ds|if|ie|el|so|RS|RE|EX|EE|TS|TE|UE|ME)\b.*$",
    re.MULTILINE,
)
_MACRO = re.compile(r"^[.'][A-Za-z]{1,2}\s?", re.MULTILINE)
_ESCAPES = (
    (re.compile(r"\\f(?:\[\w*\]|\(..|.)"), ""), (re.compile(r"\\s[-+]?\d"), ""),
    (re.compile(r"\\(?:&|/|,|\||\^|%|:)"), ""),
    (re.compile(r"\\(?:\[aq\]|\(aq)"), "'"), (re.compile(r"\\(?:\[\w+\]|\(..)"), " "), (re.compile(r"\\-"), "-"),
    (re.compile(r"\\e"), r"\\"), (re.compile(r"\\\n"), " "),
)  # fmt: skip
_NAME = r"[A-Za-z0-9_][\w.:+@-]*"
_REFERENCE = re.compile(rf"({_NAME})\s*\(\s*([1-9n]\w*)\s*\)")
_XR = re.compile(rf"^\.Xr\s+({_NAME})\s+([1-9n]\w*).*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Read:
    names: list[str]
    page: Page
    references: list[tuple[str, str]]


def man_pages(directories: Sequence[Path], language: str) -> Site:
    """Return the manual of directories that hold `man1` to `man8`, without pages that lack a name or description."""
    site = f"https://man.example/{language}"
    urls: dict[tuple[str, str], str] = {}  # (name, section), every name of a page
    pages: dict[str, Page] = {}
    references: dict[str, list[tuple[str, str]]] = {}
    for file, text in _sources(directories):
        name, _, section = file.name.removesuffix(".gz").rpartition(".")
        if (read := _read(text, language)) is None:
            continue
        url = f"{site}/man{section}/{name}"
        pages[url], references[url] = read.page, read.references
        urls[name, section] = url
        for alias in (name, *read.names):  # OpenSSL's open(3) is in section 3ssl
            urls.setdefault((alias, section), url)
            urls.setdefault((alias, section[0]), url)
    truth = {}
    for url, named in references.items():
        found = dict.fromkeys(filter(None, map(urls.get, named)))
        if others := [other for other in found if other != url]:
            truth[url] = others
    return Site(pages, truth, language)


def _sources(directories: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    for file in sorted(file for directory in directories for file in directory.glob("man*/*.gz")):
        if not file.is_symlink():
            yield file, gzip.decompress(file.read_bytes()).decode("utf-8", "replace")


def _read(source: str, language: str) -> _Read | None:
    see_also, name, description = HEADINGS[language]
    sections = _sections(_COMMENT.sub("", source))
    named = _text(sections.get(name, ""))
    told = _text(sections.get(description, ""))
    if not named or not told:
        return None
    names = [part.strip() for part in re.split(r"\s[-–—]\s", named)[0].split(",")]
    references = sections.pop(see_also, "")
    text = " ".join(_text(part) for title, part in sections.items() if title not in (name, "COLOPHON"))
    found = _REFERENCE.findall(_text(_XR.sub(r"\1(\2)", references)))
    return _Read(names, Page(named, told[:_SNIPPET], text), found)


def _sections(source: str) -> dict[str, str]:
    parts = _HEADING.split(source)[1:]
    sections: dict[str, str] = {}
    for title, text in zip(parts[::2], parts[1::2], strict=True):
        title = _escaped(title).strip().upper()
        sections[title] = sections.get(title, "") + text
    return sections


def _text(source: str) -> str:
    """Return the words of roff source; alternating fonts (`.BR open (2)`) are joined as they are printed."""
    source = re.sub(r"^[.'](?:BR|RB|IR|RI|BI|IB)\s+(.*)$", _alternating, _DROPPED.sub("", source), flags=re.MULTILINE)
    return " ".join(_escaped(_MACRO.sub("", source)).replace('"', "").split())


def _alternating(line: re.Match[str]) -> str:
    return "".join(quoted or word for quoted, word in re.findall(r'"([^"]*)"|(\S+)', line[1]))


def _escaped(text: str) -> str:
    for pattern, by in _ESCAPES:
        text = pattern.sub(by, text)
    return text
