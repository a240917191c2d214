"""Reads the `pages` table: the facts of the trigger, and of every candidate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cascade.executor import LANGUAGE
from cascade.trace import degrade
from cascade.types import Candidates, Query, Trigger
from corpus.urls.copies import copy_key
from corpus.urls.url import address_key, host_id
from ranking.languages import ANY_LANGUAGE, SiteLanguages
from store.page_row import FACTS, language_code, read_facts, read_tokens
from store.tables import Table
from text_model.tokens import PageTokenizer


class PageLookup:
    """Looks up the query's page; builds an unknown page from its URL and the caller's text."""

    def __init__(self, pages: Table, tokenizer: PageTokenizer, languages: SiteLanguages = ANY_LANGUAGE) -> None:
        self._pages = pages
        self._tokenizer = tokenizer
        self._languages = languages

    async def locate(self, query: Query) -> Trigger:
        """Return the trigger; reads one row."""
        (row,) = await self._pages.get_many(np.array([query.page], np.uint64))
        if row is None:
            return self.unknown(query)
        facts = read_facts([row])[0]
        return Trigger(True, facts, read_tokens(row, facts))

    def unknown(self, query: Query) -> Trigger:
        """Return the trigger built from the URL and the caller's text alone.

        If the site has no page in the caller's language, the nearest one that it has is used, and flagged.
        """
        language = self._languages.nearest(query.language)
        if language != query.language:
            degrade(f"{LANGUAGE}{language}")
        tokens, title_tokens = self._tokenizer.encode([query.url], [query.title], [query.snippet])
        facts = np.zeros(1, FACTS)[0]
        facts["page"], facts["host"], facts["address"] = query.page, host_id(query.url), address_key(query.url)
        facts["copy"] = copy_key(query.url, query.title)
        facts["language"] = language_code(language)
        facts["title_tokens"], facts["tokens"] = title_tokens[0], len(tokens[0])
        return Trigger(False, facts, tokens[0])


class PageFacts:
    """Adds the facts, the token ids and the raw row of every candidate, in one read.

    Candidates that are not in the table cannot be shown and are dropped.
    """

    name = "page_facts"

    def __init__(self, pages: Table) -> None:
        self._pages = pages

    async def hydrate(self, query: Query, candidates: Candidates) -> Candidates:
        """Return the candidates with the fields of FACTS, `token_ids` (rows, longest) uint32 and `row` (bytes)."""
        rows = await self._pages.get_many(candidates.pages)
        known = np.array([row is not None for row in rows], bool)
        candidates = candidates.take(known)
        found = [row for row in rows if row is not None]
        facts = read_facts(found)
        columns = {name: facts[name] for name in FACTS.names or () if name != "page"}
        row_column = np.empty(len(found), object)
        row_column[:] = found
        return candidates.with_columns({**columns, "token_ids": _tokens(found, facts), "row": row_column})


def _tokens(rows: list[bytes], facts: NDArray[np.void]) -> NDArray[np.uint32]:
    counts = facts["tokens"].astype(np.intp)
    width = int(counts.max(initial=1))
    start = FACTS.itemsize
    packed = b"".join([row[start : start + 4 * width].ljust(4 * width, b"\0") for row in rows])
    tokens = np.frombuffer(packed, "<u4").reshape(len(rows), width)
    return np.where(np.arange(width) < counts[:, None], tokens, 0).astype(np.uint32)
