"""Evidence about pages of a bundle: what a search for a page's title finds among the others."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from evidence.passages import EvidenceSettings, Passage, web_evidence
from recall.qprime.engines.embedded import TantivyEngine
from recall.qprime.engines.search_engine import SearchEngine, SearchText
from recall.qprime.writers.writer import PageWords, WrittenQuery
from store.page_row import PageText, read_text
from store.tables import LmdbTable

_TITLE_BOOST = 2.0
_INDEX = re.compile(r"index-[0-9a-f]{12}(\.writing)?")
_SETTINGS = EvidenceSettings(passages=6, hits=12, tokens=180)


class TitleQueries:
    """Writes one query per page, its title."""

    def write(self, pages: Sequence[PageWords]) -> Sequence[list[WrittenQuery] | None]:
        """Return the queries of each page."""
        return [[WrittenQuery(page.title)] if page.title.strip() else [] for page in pages]


class PageEvidence:
    """Searches a bundle's pages for a page's title; `count` gives the tokens of a text."""

    def __init__(self, pages: LmdbTable, engine: SearchEngine, count: Callable[[str], int]) -> None:
        self._pages, self._engine, self._count, self._writer = pages, engine, count, TitleQueries()

    def of(self, page: PageText) -> list[Passage]:
        """Return the passages of a page, best first, without itself; none where the search failed."""
        (found,) = web_evidence(
            [page], self._writer, self._engine, self._read, self._count, _SETTINGS, known=[{page.url}]
        )
        return found or []

    def _read(self, pages: Sequence[int]) -> list[Passage | None]:
        rows = self._pages.read(np.array(pages, np.uint64))
        texts = [None if row is None else read_text(row) for row in rows]
        return [None if text is None else Passage(text.title, text.snippet, text.url) for text in texts]


def open_index(pages: LmdbTable, folder: Path, key: str) -> TantivyEngine:
    """Open the index of a bundle's pages in `folder`, which is written where there is none of this key (12 hex digits).

    Indexes of other keys are removed: `folder` holds one.
    """
    path = folder / f"index-{key}"
    for other in folder.glob("index-*"):
        if other != path and _INDEX.fullmatch(other.name):
            shutil.rmtree(other)
    if path.is_dir():
        return TantivyEngine(path, _TITLE_BOOST)
    texts = ((page, read_text(row)) for page, row in pages.items())
    return TantivyEngine.build(path, (SearchText(page, text.title, text.snippet) for page, text in texts), _TITLE_BOOST)
