"""Pages as an operator writes them in a setting: `https://example.org/tag/*`, with `*` for any characters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from corpus.urls.host_pattern import HostPattern, host_pattern
from corpus.urls.url import InvalidURL, canonical, site


class PathPattern(NamedTuple):
    """A host (None: any), and what the rest of an address must match in full, without its fragment."""

    host: HostPattern | None
    rest: re.Pattern[str]

    def matches(self, canonical_url: str) -> bool:
        """Return whether this is one of the pages."""
        return (self.host is None or self.host.covers(site(canonical_url))) and bool(
            self.rest.fullmatch(_rest(canonical_url))
        )


def path_pattern(entry: str) -> PathPattern:
    """Return what an entry means; upper and lower case, and the scheme, do not matter.

    Raises InvalidURL, which names the entry.
    """
    name, slash, rest = entry.strip().rpartition("://")[2].partition("/")
    if not slash or not name:
        raise InvalidURL(f"{entry!r} is not a pattern of pages: use one such as https://example.org/tag/*")
    host = None if name == "*" else host_pattern(name)
    if rest and not rest.strip("*"):
        raise InvalidURL(f"{entry!r} matches every page of a host: put hosts into block.hosts")
    return PathPattern(host, _expression(_rest(canonical(f"https://example.org/{rest}"))))


def matching(patterns: Sequence[PathPattern], pages: Iterable[tuple[int, str]]) -> list[int]:
    """Return the PageIds of those (PageId, canonical URL) that match any pattern."""
    return [page for page, url in pages if any(pattern.matches(url) for pattern in patterns)]


def _rest(canonical_url: str) -> str:
    return "/" + canonical_url.partition("#")[0].split("/", 3)[3]


def _expression(glob: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, glob.split("*"))), re.IGNORECASE | re.DOTALL)
