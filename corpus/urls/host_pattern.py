"""A host as an operator writes it in a setting: `example.org`, or `*.example.org` for the host and all below it."""

from __future__ import annotations

from typing import NamedTuple

from corpus.urls.url import site_named


class HostPattern(NamedTuple):
    """A site, and whether hosts below it are meant too."""

    site: str
    below: bool


def host_pattern(entry: str) -> HostPattern:
    """Return what an entry means, in any spelling. Raises InvalidURL, which names the entry."""
    bare = entry.strip()
    for prefix in ("*.", "."):
        if bare.startswith(prefix) and bare != prefix:
            return HostPattern(site_named(bare.removeprefix(prefix)), True)
    return HostPattern(site_named(entry), False)
