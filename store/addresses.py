"""Maps URLs to pages with the bundle's own files: lookups take microseconds on the event loop and never use Redis."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from corpus.urls.url import address_key, canonical, page_id
from corpus.urls.url_rules import UrlRules
from store.bundle import Bundle
from store.page_row import read_text
from store.tables import LmdbTable, write_table

#: The bundle's address table. It is not under `tables/`, since those may be served from Redis.
FILE = "identity/addresses.lmdb"

_KEPT_BYTES = 8_000_000  # of recently located URLs, per process: several thousand
_LONGEST_KEPT = 512  # characters; longer URLs are rarely requested twice
_OBJECTS = 512  # bytes of an entry's Python objects, without the text


class Located(NamedTuple):
    """A page and its URL: the one in the bundle's tables, or the canonical URL if the page is not in them."""

    url: str
    page: int  # PageId


class Addresses:
    """Finds the page of a URL: the only page at its address in any spelling, else the page with exactly this URL."""

    def __init__(self, addresses: LmdbTable, pages: LmdbTable, rules: UrlRules) -> None:
        self._addresses = addresses  # address key -> PageId, of addresses with one page
        self._pages = pages
        self.rules = rules
        self._kept: LRUCache[str, Located] = LRUCache(_KEPT_BYTES, _entry_bytes)

    def locate(self, url: str) -> Located:
        """Return the page that a URL names. Raises InvalidURL."""
        located = self._kept.get(url)
        if located is None:
            located = self._find(url)
            if len(url) <= _LONGEST_KEPT and url.isascii():
                self._kept[url] = located
        return located

    def page(self, url: str) -> int:
        """Return the PageId of the page that a URL names. Raises InvalidURL."""
        return self.locate(url).page

    @property
    def kept_bytes(self) -> int:
        """An upper bound on the memory of the cached URLs."""
        return int(self._kept.currsize)

    def _find(self, url: str) -> Located:
        url = canonical(url, self.rules)
        exact, sole = page_id(url), self._addresses.get(address_key(url))
        page = exact if sole is None else int.from_bytes(sole, "little")
        if page == exact:
            return Located(url, page)
        row = self._pages.get(page)
        return Located(url, exact) if row is None else Located(read_text(row).url, page)

    def pages_named(self, url: str) -> set[int]:
        """Return the PageIds by which a URL is known: of its page, and its own. Raises InvalidURL."""
        return {self._find(url).page, page_id(canonical(url, self.rules))}

    def rows(self) -> Iterator[tuple[int, bytes]]:
        """Yield (PageId, row) of every page of the bundle."""
        return self._pages.items()

    def row(self, page: int) -> bytes | None:
        """Return a page's row in the bundle's own table of pages, None if it has none."""
        return self._pages.get(page)

    def batches(self) -> Iterator[list[bytes]]:
        """Yield every row of the table of pages, some hundred at a time."""
        return self._pages.batches()

    def __len__(self) -> int:
        return len(self._addresses)

    def close(self) -> None:
        """Release the memory maps."""
        self._addresses.close()
        self._pages.close()


def _entry_bytes(located: Located) -> int:
    return _OBJECTS + _LONGEST_KEPT + len(located.url)


def open_addresses(bundle: Bundle) -> Addresses:
    """Open a verified bundle's address table. Raises BundleError if the bundle has none."""
    pages = bundle.file("tables/pages.lmdb")
    return Addresses(LmdbTable(bundle.file(FILE)), LmdbTable(pages), bundle.url_rules)


def write_addresses(path: Path, addresses: NDArray[np.uint64], pages: NDArray[np.uint64]) -> int:
    """Write the addresses that only one page has; return their number. `addresses[i]` belongs to `pages[i]`."""
    keys, first, count = np.unique(addresses, return_index=True, return_counts=True)
    sole = count == 1
    values = pages[first[sole]].astype("<u8").tobytes()
    rows = ((key, values[8 * place : 8 * place + 8]) for place, key in enumerate(keys[sole].tolist()))
    return write_table(path, rows)
