"""What the operator blocks: hosts and URLs in any spelling, as the ids that candidates carry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from corpus.urls.url import InvalidURL, canonical, host_id, site_named
from store.addresses import Addresses
from store.bundle import Bundle
from store.sites import FILE, sites_below

if TYPE_CHECKING:
    from service.settings import BlockSettings


class Blocked(NamedTuple):
    """What candidates are compared with."""

    pages: list[int]  # PageIds
    hosts: list[int]  # corpus.urls.url.host_id


def blocked(settings: BlockSettings, bundle: Bundle, addresses: Addresses) -> Blocked:
    """Return which of a bundle's pages are never shown; the entries can be read, which the settings have seen to."""
    return Blocked(
        list(map(addresses.page, settings.urls)),
        [host_id(f"https://{name}/") for name in _sites(settings.hosts, bundle)],
    )


def unreadable(name: str, entries: Iterable[str]) -> str | None:
    """Return what is wrong with the first entry of `hosts` or `urls` that cannot be read, None where all can be."""
    read: Callable[[str], object] = {"hosts": lambda entry: site_named(_below(entry) or entry), "urls": canonical}[name]
    for entry in sorted(entries):
        try:
            read(entry)
        except InvalidURL as error:
            problem = str(error)
            return problem if repr(entry) in problem else f"{entry[:200]!r}: {problem}"
    return None


def _sites(entries: Iterable[str], bundle: Bundle) -> Iterator[str]:
    for entry in entries:
        below = _below(entry)
        name = site_named(below or entry)
        yield name
        if below:
            yield from sites_below(bundle.file(FILE), name)


def _below(entry: str) -> str:
    """Return the host of `*.host` or `.host`, which stands for the host and all below it; '' for any other entry."""
    bare = entry.strip()
    return next((bare.removeprefix(mark) for mark in ("*.", ".") if bare.startswith(mark)), "")
