"""URL rules of the sites in a bundle: hosts whose fragments are pages, and tracking parameters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from corpus.urls.tracking_parameters import TRACKING_PARAMETERS

#: Hosts whose fragments are separate pages (such as a method on a documentation page).
FRAGMENT_HOSTS = ("docs.python.org",)


@dataclass(frozen=True)
class UrlRules:
    """How a bundle canonicalizes URLs, in the build and in serving; `corpus.urls.url.rules_of` makes a site's own."""

    fragment_hosts: tuple[str, ...] = FRAGMENT_HOSTS  # as returned by `site`
    tracking_parameters: tuple[str, ...] = TRACKING_PARAMETERS  # in lower case

    def has_fragments(self, host: str, port: str) -> bool:
        """Return whether fragments on the host are pages; `port` includes its colon, '' if none."""
        bare = host.removeprefix("www.")
        return bare in self._hosts or (port != "" and f"{bare}{port}" in self._hosts)

    def is_tracking(self, pair: str) -> bool:
        """Return whether a parameter (`name=value` or `name`) is a tracking parameter."""
        name = pair.partition("=")[0].lower()
        return name in self._names or name.startswith(self._prefixes)

    @cached_property
    def _hosts(self) -> frozenset[str]:
        return frozenset(self.fragment_hosts)

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(name for name in self.tracking_parameters if not name.endswith("*"))

    @cached_property
    def _prefixes(self) -> tuple[str, ...]:
        return tuple(name[:-1] for name in self.tracking_parameters if name.endswith("*"))


RULES = UrlRules()
