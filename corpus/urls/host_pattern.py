"""A host as an operator writes it in a setting: `example.org`, or `*.example.org` for the host and all below it."""

from __future__ import annotations

from typing import NamedTuple

from corpus.urls.url import site_named


class HostPattern(NamedTuple):
    """A site, and whether hosts below it are meant too."""

    site: str
    below: bool

    def covers(self, site: str) -> bool:
        """Return whether the pattern means this site; the port does not matter for hosts below."""
        return site == self.site or (self.below and f".{site.partition(':')[0]}".endswith(f".{self.site}"))


def host_pattern(entry: str) -> HostPattern:
    """Return what an entry means, in any spelling. Raises InvalidURL, which names the entry."""
    bare = entry.strip()
    for prefix in ("*.", "."):
        if bare.startswith(prefix) and bare != prefix:
            return HostPattern(site_named(bare.removeprefix(prefix)), True)
    return HostPattern(site_named(entry), False)
