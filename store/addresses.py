"""Which page an address is: read from the bundle's own files in microseconds, on the event loop, never from Redis."""

from __future__ import annotations

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

#: Where a bundle has its addresses: beside its tables, which are read from Redis too.
FILE = "identity/addresses.lmdb"

_KEPT_BYTES = 8_000_000  # of URLs that were located lately, a process: some thousands
_LONGEST_KEPT = 512  # characters; longer ones are hardly asked for twice
_OBJECTS = 512  # bytes of the objects that an entry is made of, without their letters


class Located(NamedTuple):
    """A page under the URL that its tables know it by; a page that they do not know goes by its canonical URL."""

    url: str
    page: int  # PageId


class Addresses:
    """Finds the page that a URL names: the only page at its address, however it is spelt, else the exact URL's."""

    def __init__(self, addresses: LmdbTable, pages: LmdbTable, rules: UrlRules) -> None:
        self._addresses = addresses  # address key -> PageId, of addresses with one page
        self._pages = pages
        self._rules = rules
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
        """The memory that URLs and their pages are kept in, at most."""
        return int(self._kept.currsize)

    def _find(self, url: str) -> Located:
        spelt = canonical(url, self._rules)
        exact, sole = page_id(spelt), self._addresses.get(address_key(spelt))
        page = exact if sole is None else int.from_bytes(sole, "little")
        if page == exact:
            return Located(spelt, page)
        row = self._pages.get(page)
        return Located(spelt, exact) if row is None else Located(read_text(row).url, page)

    def __len__(self) -> int:
        return len(self._addresses)

    def close(self) -> None:
        """Release the memory maps."""
        self._addresses.close()
        self._pages.close()


def _entry_bytes(located: Located) -> int:
    return _OBJECTS + _LONGEST_KEPT + len(located.url)


def open_addresses(bundle: Bundle) -> Addresses:
    """Open a verified bundle's addresses. Raises BundleError where it has none."""
    pages = bundle.file("tables/pages.lmdb")
    return Addresses(LmdbTable(bundle.file(FILE)), LmdbTable(pages), bundle.url_rules)


def write_addresses(path: Path, addresses: NDArray[np.uint64], pages: NDArray[np.uint64]) -> int:
    """Write the table of addresses that one page alone has; return how many. `addresses[i]` is that of `pages[i]`."""
    keys, first, count = np.unique(addresses, return_index=True, return_counts=True)
    sole = count == 1
    values = pages[first[sole]].astype("<u8").tobytes()
    rows = ((key, values[8 * place : 8 * place + 8]) for place, key in enumerate(keys[sole].tolist()))
    return write_table(path, rows)
