"""Pages and hosts that the operator blocks, as the IDs that candidates carry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from corpus.urls.host_pattern import host_pattern
from corpus.urls.url import host_id
from service.settings import BlockSettings
from store.addresses import Addresses
from store.bundle import Bundle
from store.sites import FILE, sites_below


class Blocked(NamedTuple):
    """What candidates are compared with."""

    pages: list[int]  # PageIds
    hosts: list[int]  # corpus.urls.url.host_id


def blocked(settings: BlockSettings, bundle: Bundle, addresses: Addresses) -> Blocked:
    """Return which of a bundle's pages are never shown. The settings have checked that all entries can be read."""
    return Blocked(
        list(map(addresses.page, settings.urls)),
        [host_id(f"https://{site}/") for site in _sites(settings.hosts, bundle)],
    )


def _sites(entries: Iterable[str], bundle: Bundle) -> Iterator[str]:
    for entry in entries:
        pattern = host_pattern(entry)
        yield pattern.site
        if pattern.below:
            yield from sites_below(bundle.file(FILE), pattern.site)
