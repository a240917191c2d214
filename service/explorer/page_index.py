"""A substring index: the folded titles and addresses of pages in one byte string, the most clicked pages first."""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from store.page_row import read_facts, read_text

MOST_PAGES = 200_000  # about 30 MB
_MOST_LINES = 400  # that a search looks at
_LONGEST = 400  # characters of a page
_PART = 1 << 20  # bytes searched at once: the event loop waits no longer for the interpreter
_PAUSE_S = 0.0005  # between two batches of the build: so that it can run at all
_LINE, _FIELD = b"\n", b"\t"
_SCHEME = re.compile(rb"^https?://")  # of a typed address; addresses are indexed without it


@dataclass(frozen=True, slots=True)
class PageIndex:
    """Lines `title TAB address`, folded, each after a line break; the line of `pages[i]` begins at `starts[i]`."""

    text: bytes
    starts: NDArray[np.int64]
    pages: NDArray[np.uint64]

    def find(self, typed: str, most: int) -> list[int]:
        """Return the PageIds of at most `most` pages that have every typed word in their title or address.

        First come titles that begin with the text, then those with the longest word at the start of a word, then the
        others; in each group the most clicked pages.
        """
        words = [word for typed_word in fold(typed).split() if (word := _SCHEME.sub(b"", typed_word))]
        if not words:
            return [int(page) for page in self.pages[:most]]
        whole, longest = b" ".join(words), max(words, key=len)
        best = dict.fromkeys(self._lines(_LINE + whole, words, most))
        found = list(self._lines(longest, words, _MOST_LINES))
        best |= dict.fromkeys(line for line in found if self._at_word_start(line, longest))
        best |= dict.fromkeys(found)
        return [int(self.pages[line]) for line in islice(best, most)]

    def _lines(self, needle: bytes, words: list[bytes], most: int) -> Iterator[int]:
        """Yield the first lines that contain the needle and every word; at most `_MOST_LINES` are looked at."""
        at, seen = 0, 0
        while most and seen < _MOST_LINES and (at := self._next(needle, at)) >= 0:
            line = int(np.searchsorted(self.starts, at + 1, "right")) - 1
            if all(word in self._line(line) for word in words):
                yield line
                most -= 1
            at, seen = self._end(line), seen + 1

    def _next(self, needle: bytes, start: int) -> int:
        """Return where the needle is next; -1 if nowhere. In parts, since a search keeps other threads from running."""
        while start < len(self.text):
            at = self.text.find(needle, start, start + _PART + len(needle))
            if at >= 0:
                return at
            start += _PART
        return -1

    def _end(self, line: int) -> int:
        """Return where the line break after a line is."""
        return int(self.starts[line + 1]) - 1 if line + 1 < len(self.starts) else len(self.text)

    def _line(self, line: int) -> bytes:
        return self.text[int(self.starts[line]) : self._end(line)]

    def _at_word_start(self, line: int, word: bytes) -> bool:
        text = self._line(line)
        at = text.find(word)
        return at == 0 or not text[at - 1 : at].isalnum()


def build(batches: Iterable[list[bytes]]) -> PageIndex:
    """Return the index of the most clicked pages. `batches` are rows of the table of pages."""
    lines, pages, clicks = [], [], []
    for rows in batches:
        facts = read_facts(rows)
        pages.append(facts["page"].copy())
        clicks.append(facts["clicks_all"].copy())
        lines += [_folded_line(row) for row in rows]
        if len(lines) > 2 * MOST_PAGES:
            lines, pages, clicks = _most_clicked(lines, pages, clicks)
        time.sleep(_PAUSE_S)
    lines, pages, clicks = _most_clicked(lines, pages, clicks)
    starts = np.cumsum([0, *map(len, lines)][:-1], dtype=np.int64) + 1 + np.arange(len(lines))
    return PageIndex(_LINE + _LINE.join(lines), starts, pages[0])


def fold(text: str) -> bytes:
    """Return text without case and accents: what is typed and what is searched are folded alike."""
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return text.casefold().encode("utf-8", "replace")


def _folded_line(row: bytes) -> bytes:
    text = read_text(row)
    address = text.url.partition("://")[2]
    return _FIELD.join(b" ".join(fold(part[:_LONGEST]).split()) for part in (text.title, address))


def _most_clicked(
    lines: list[bytes], pages: list[NDArray[np.uint64]], clicks: list[NDArray[np.uint32]]
) -> tuple[list[bytes], list[NDArray[np.uint64]], list[NDArray[np.uint32]]]:
    """Return the lines, pages and clicks of the most clicked pages, most clicked first."""
    every = np.concatenate([np.empty(0, np.uint64), *pages])
    counts = np.concatenate([np.empty(0, np.uint32), *clicks])
    kept = np.argsort(-counts.astype(np.int64), kind="stable")[:MOST_PAGES]
    return [lines[place] for place in kept], [every[kept]], [counts[kept]]
