"""Pages as an operator writes them in a setting: `https://example.org/tag/*`, with `*` for any characters."""

from __future__ import annotations

import re
from typing import NamedTuple

from corpus.urls.host_pattern import HostPattern, host_pattern
from corpus.urls.url import InvalidURL, canonical, site

_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class PathPattern(NamedTuple):
    """A host (None: any), and the rest of an address, without its fragment: the lower-case texts between stars."""

    host: HostPattern | None
    parts: tuple[str, ...]

    def matches(self, canonical_url: str) -> bool:
        """Return whether this is one of the pages; takes linear time, which a regular expression would not."""
        if self.host is not None and not self.host.covers(site(canonical_url)):
            return False
        rest, (first, *others) = _rest(canonical_url).lower(), self.parts
        if not others:
            return rest == first
        *middle, last = others
        end, place = len(rest) - len(last), len(first)
        if end < place or not (rest.startswith(first) and rest.endswith(last)):
            return False
        for part in middle:
            found = rest.find(part, place, end)
            if found < 0:
                return False
            place = found + len(part)
        return True


def path_pattern(entry: str) -> PathPattern:
    """Return what an entry means; upper and lower case, and the scheme, do not matter.

    Raises InvalidURL, which names the entry.
    """
    name, slash, rest = _SCHEME.sub("", entry.strip()).partition("/")
    if not slash or not name:
        raise InvalidURL(f"{entry!r} is not a pattern of pages: use one such as https://example.org/tag/*")
    host = None if name == "*" else host_pattern(name)
    parts = tuple(_rest(canonical(f"https://example.org/{rest}")).lower().split("*"))
    if len(parts) > 1 and not "".join(parts).removeprefix("/"):  # also if all else was a fragment, or tracking
        raise InvalidURL(f"{entry!r} matches every page of a host: name the host instead")
    return PathPattern(host, parts)


class PagePattern(NamedTuple):
    """All pages of a host, or those that match a pattern."""

    host: HostPattern | None
    path: PathPattern | None

    def matches(self, canonical_url: str) -> bool:
        """Return whether this is one of the pages."""
        if self.path is not None:
            return self.path.matches(canonical_url)
        return self.host is None or self.host.covers(site(canonical_url))


def page_pattern(entry: str) -> PagePattern:
    """Return what a host (`*.example.org`) or a pattern (`example.org/tag/*`) means. Raises InvalidURL."""
    if "/" in _SCHEME.sub("", entry.strip()):
        return PagePattern(None, path_pattern(entry))
    return PagePattern(host_pattern(entry), None)


def _rest(canonical_url: str) -> str:
    return "/" + canonical_url.partition("#")[0].split("/", 3)[3]
