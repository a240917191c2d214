"""Pages, hosts and patterns that the operator blocks, as the IDs that candidates carry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from corpus.urls.host_pattern import host_pattern
from corpus.urls.path_pattern import matching, path_pattern
from corpus.urls.url import host_id
from service.settings import BlockSettings
from store.addresses import Addresses
from store.bundle import Bundle
from store.page_row import read_text
from store.sites import FILE, sites_below
from store.tables import LmdbTable


class Blocked(NamedTuple):
    """What candidates are compared with."""

    pages: list[int]  # PageIds
    hosts: list[int]  # corpus.urls.url.host_id


def blocked(settings: BlockSettings, bundle: Bundle, addresses: Addresses) -> Blocked:
    """Return which of a bundle's pages are never shown. The settings have checked that all entries can be read."""
    return Blocked(
        [*map(addresses.page, settings.urls), *_matching(settings.paths, bundle)],
        [host_id(f"https://{site}/") for site in _sites(settings.hosts, bundle)],
    )


def _matching(entries: Iterable[str], bundle: Bundle) -> list[int]:
    """Return the pages that match; reads the whole table once, about a second per 500,000 pages."""
    patterns = [path_pattern(entry) for entry in sorted(entries)]
    if not patterns:
        return []
    table = LmdbTable(bundle.file("tables/pages.lmdb"))
    try:
        return matching(patterns, ((page, read_text(row).url) for page, row in table.items()))
    finally:
        table.close()


def _sites(entries: Iterable[str], bundle: Bundle) -> Iterator[str]:
    for entry in entries:
        pattern = host_pattern(entry)
        yield pattern.site
        if pattern.below:
            yield from sites_below(bundle.file(FILE), pattern.site)
