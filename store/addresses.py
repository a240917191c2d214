"""Which page an address is: read from the bundle's own files in microseconds, on the event loop, never from Redis."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from corpus.url import address_key, canonical, page_id
from corpus.url_rules import UrlRules
from store.bundle import Bundle
from store.page_row import read_text
from store.tables import LmdbTable, write_table

#: Where a bundle has its addresses: beside its tables, which are read from Redis too.
FILE = "identity/addresses.lmdb"


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

    def locate(self, url: str) -> Located:
        """Return the page that a URL names. Raises InvalidURL."""
        spelt = canonical(url, self._rules)
        exact, sole = page_id(spelt), self._addresses.get(address_key(spelt))
        page = exact if sole is None else int.from_bytes(sole, "little")
        if page == exact:
            return Located(spelt, page)
        row = self._pages.get(page)
        return Located(spelt, exact) if row is None else Located(read_text(row).url, page)

    def page(self, url: str) -> int:
        """Return the PageId of the page that a URL names; cheaper than `locate`. Raises InvalidURL."""
        spelt = canonical(url, self._rules)
        sole = self._addresses.get(address_key(spelt))
        return page_id(spelt) if sole is None else int.from_bytes(sole, "little")

    def __len__(self) -> int:
        return len(self._addresses)

    def close(self) -> None:
        """Release the memory maps."""
        self._addresses.close()
        self._pages.close()


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
