"""Finds pages that other pages name or link: an entity mention is a link that nobody made."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import unquote, urljoin, urlsplit

import numpy as np
from ahocorasick_rs import AhoCorasick, MatchKind
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from corpus.text.words import words
from corpus.urls.url import InvalidURL, canonical, page_id
from corpus.urls.url_rules import UrlRules

_LONGEST = 8  # words of a name
_SHORTEST = 2  # characters
_PARTS = re.compile(r"\s[-–—|·»:]\s|[:,(;|)]\s*")  # between the names in `open, creat - open a file | Manual`
_SUFFIX = re.compile(r"\.(?:x?html?|php|aspx?|md)$")
_LINKS = re.compile(
    r"""href\s*=\s*["']([^"'\s]{1,2000})["']|\]\(([^()\s]{1,2000})\)""", re.IGNORECASE
)  # HTML, Markdown


def names_of(title: str, url: str) -> set[str]:
    """Return what a page may be called, in words: its title, the title's parts, the last part of its URL."""
    last = urlsplit(url).path.rstrip("/").rpartition("/")[2]
    slug = _SUFFIX.sub("", unquote(last)).replace("-", " ").replace("_", " ")
    texts = (title, *_PARTS.split(title), slug)
    found = (words(text) for text in texts)
    joined = (" ".join(name) for name in found if 0 < len(name) <= _LONGEST)
    return {name for name in joined if len(name) >= _SHORTEST}


def unambiguous(names: Iterable[set[str]], count: Mapping[str, int], common: int) -> dict[str, int]:
    """Return name -> row of the names that only one page has; a single word on more than `common` pages is no name."""
    owner: dict[str, int] = {}
    for row, own in enumerate(names):
        for name in own:
            owner[name] = row if name not in owner else -1
    return {name: row for name, row in owner.items() if row >= 0 and count.get(name, 0) <= common}


class Namer:
    """Finds names in texts, with Aho and Corasick's automaton."""

    def __init__(self, names: Mapping[str, int]) -> None:
        self._rows = list(names.values())
        self._automaton = AhoCorasick([f" {name} " for name in names], matchkind=MatchKind.Standard)

    def find(self, text: Sequence[str]) -> Counter[int]:
        """Return row of the named page -> how often the words of a text name it."""
        found = self._automaton.find_matches_as_indexes(f" {' '.join(text)} ", overlapping=True)
        return Counter(self._rows[name] for name, _, _ in found)


def links(body: str, url: str, rows: Mapping[int, int], rules: UrlRules) -> Iterator[int]:
    """Yield the row of each page that a body in HTML or Markdown links; `rows` is PageId -> row."""
    for match in _LINKS.finditer(body):
        try:
            linked = rows.get(page_id(canonical(urljoin(url, match[1] or match[2]), rules)))
        except (InvalidURL, ValueError):
            continue
        if linked is not None:
            yield linked


def distinctness(found: Iterable[Mapping[int, int]]) -> csr_matrix:
    """Return how distinctly page i names page j, (pages, pages) float32: log(1 + idf · (1 + log count)).

    A page that is named everywhere says little where it is named. `found` is read once, page after page.
    """
    rows, numbers, lengths = array("i"), array("i"), array("i")
    for part in found:
        rows.extend(part)
        numbers.extend(part.values())
        lengths.append(len(part))
    count = len(lengths)
    page = np.repeat(np.arange(count, dtype=np.int32), np.frombuffer(lengths, np.int32) if count else 0)
    named, times = (np.frombuffer(each, np.int32) if each else np.empty(0, np.int32) for each in (rows, numbers))
    kept = page != named
    page, named, times = page[kept], named[kept], times[kept]
    idf = np.log((count + 1) / np.maximum(np.bincount(named, minlength=count), 1))
    value: NDArray[np.float32] = np.log1p(idf[named] * (1 + np.log(times))).astype(np.float32)
    return csr_matrix((value, (page, named)), shape=(count, count))
