"""What is known of the sites whose URLs are read: whose fragments are pages, and which parameters only track."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from corpus.urls.tracking_parameters import TRACKING_PARAMETERS

#: Hosts whose fragments name pages of their own (a method on a documentation page).
FRAGMENT_HOSTS = ("docs.python.org",)


@dataclass(frozen=True)
class UrlRules:
    """How the tables of a bundle spell URLs, and so serving too; `corpus.urls.url.rules_of` makes a site's own."""

    fragment_hosts: tuple[str, ...] = FRAGMENT_HOSTS  # as `site` spells them
    tracking_parameters: tuple[str, ...] = TRACKING_PARAMETERS  # as the list spells them

    def has_fragments(self, host: str, port: str) -> bool:
        """Return whether a fragment on the host names a page; the port, if any, begins with a colon."""
        bare = host.removeprefix("www.")
        return bare in self._hosts or (port != "" and f"{bare}{port}" in self._hosts)

    def is_tracking(self, pair: str) -> bool:
        """Return whether a parameter, `name=value` or a name alone, only tells how the reader came."""
        name = pair.partition("=")[0].lower()
        return name in self._names or name.startswith(self._beginnings)

    @cached_property
    def _hosts(self) -> frozenset[str]:
        return frozenset(self.fragment_hosts)

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(name for name in self.tracking_parameters if not name.endswith("*"))

    @cached_property
    def _beginnings(self) -> tuple[str, ...]:
        return tuple(name[:-1] for name in self.tracking_parameters if name.endswith("*"))


RULES = UrlRules()
