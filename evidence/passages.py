"""Web evidence (WebRec, step 3): passages that a search engine finds for what a page or a history leaves open."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import NamedTuple

import orjson

from corpus.text.words import words
from recall.qprime.engines.search_engine import Hits, SearchEngine
from recall.qprime.queries.distinct import Distinct
from recall.qprime.writers.writer import PageWords, QueryWriter
from store.blob_cache import BlobCache


class Passage(NamedTuple):
    """What a search result shows."""

    title: str
    snippet: str
    address: str

    @property
    def text(self) -> str:
        """The line of a prompt."""
        return f"{self.title}. {self.snippet}" if self.snippet else self.title


#: Passages of PageIds that the engine found; None for one that is not known.
Read = Callable[[Sequence[int]], Sequence[Passage | None]]


@dataclass(frozen=True, slots=True)
class EvidenceSettings:
    """How much is searched and kept."""

    passages: int = 10  # per page at most
    hits: int = 20  # requested per query
    tokens: int = 400  # of all passages of a page together
    alike: float = 0.8  # of two passages whose words overlap more than this (Jaccard), the better found stays


class PassageCache(BlobCache):
    """Evidence by page and source; what is unreadable is missing. Raises SettingsError as `BlobCache` does."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "evidence")

    def get(self, key: bytes) -> list[Passage] | None:
        """Return what was stored, None if it is missing or unreadable."""
        blob = self.read(key)
        try:
            return None if blob is None else [Passage(*map(str, found)) for found in orjson.loads(blob)]
        except (TypeError, ValueError):
            return None

    def put(self, key: bytes, found: Sequence[Passage]) -> None:
        """Store a page's evidence."""
        self.write(key, orjson.dumps([tuple(passage) for passage in found]))


def web_evidence(
    pages: Sequence[PageWords],
    writer: QueryWriter,
    engine: SearchEngine,
    read: Read,
    count: Callable[[str], int],
    settings: EvidenceSettings = EvidenceSettings(),
    known: Sequence[Collection[str]] | None = None,
    cache: PassageCache | None = None,
    source: str = "",
) -> list[list[Passage] | None]:
    """Return each page's passages, best first; None where the queries or the search failed, which is not cached.

    `count` gives the tokens of a text. `known[i]` are addresses that page i is about: left out. `source` names
    writer, engine and index: evidence is cached under it, the page's text, the settings and `known`.
    """
    known = [()] * len(pages) if known is None else known
    keys = [_key(page, own, settings, source) for page, own in zip(pages, known, strict=True)]
    found = [cache.get(key) if cache else None for key in keys]
    asked = [row for row, passages in enumerate(found) if passages is None]
    written = writer.write([pages[row] for row in asked])
    for row, queries in zip(asked, written, strict=True):
        if queries is None:
            continue
        answers = engine.search([query.text for query in queries], settings.hits)
        if queries and all(answer is None for answer in answers):
            continue
        ranked = _in_turn([answer for answer in answers if answer is not None])
        passages = _chosen([passage for passage in read(ranked) if passage], known[row], count, settings)
        found[row] = passages
        if cache and all(answer is not None for answer in answers):
            cache.put(keys[row], passages)
    return found


def _in_turn(answers: Sequence[Hits]) -> list[int]:
    """Return the pages of all queries, each once: all first hits, all second ones, and so on."""
    longest = max((len(answer.pages) for answer in answers), default=0)
    found = (int(own.pages[rank]) for rank in range(longest) for own in answers if rank < len(own.pages))
    return list(dict.fromkeys(found))


def _chosen(
    passages: Sequence[Passage], known: Collection[str], count: Callable[[str], int], settings: EvidenceSettings
) -> list[Passage]:
    kept: list[Passage] = []
    addresses, distinct, left = set(known), Distinct(settings.alike), settings.tokens
    for passage in passages:
        if len(kept) == settings.passages:
            break
        size = count(passage.text)
        if size > left or passage.address in addresses or not distinct.takes(words(passage.text)):
            continue  # too long: a shorter one may still fit
        addresses.add(passage.address)
        kept.append(passage)
        left -= size
    return kept


def _key(page: PageWords, known: Collection[str], settings: EvidenceSettings, source: str) -> bytes:
    about = [source, page.url, page.title, page.snippet, page.language, sorted(known), astuple(settings)]
    return hashlib.sha256(orjson.dumps(about)).digest()
