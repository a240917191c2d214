"""Finds the rules whose target a page is, by look-ups: a page is compared with few patterns, not with all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from corpus.urls.host_pattern import HostPattern, host_pattern
from corpus.urls.path_pattern import PathPattern, path_pattern
from corpus.urls.url import InvalidURL, address_key, canonical, page_id, site
from corpus.urls.url_rules import UrlRules
from service.rules.rule import Rule
from store.page_row import language_code


class Facts(NamedTuple):
    """What rules look at in a page."""

    page: int  # PageId
    address: int  # corpus.urls.url.address_key
    language: int  # store.page_row.language_code
    url: str


class AnyTargets(Protocol):
    """Finds the rules that mean a page, by their places in the rule set."""

    def of(self, facts: Facts, is_page: Callable[[int], bool]) -> tuple[int, ...]: ...


class Targets:
    """The targets of rules under the URL rules of a bundle; a rule is meant by its place among `rules`."""

    def __init__(self, rules: Sequence[Rule], url_rules: UrlRules) -> None:
        self._pages: dict[int, list[int]] = {}
        self._addresses: dict[int, list[tuple[int, int]]] = {}  # address -> (PageId, rule)
        self._languages: dict[int, list[int]] = {}
        self._sites: dict[str, list[tuple[int, PathPattern | None]]] = {}
        self._below: dict[str, list[tuple[int, PathPattern | None]]] = {}
        self._anywhere: list[tuple[int, PathPattern]] = []
        for place, rule in enumerate(rules):
            if rule.url:
                self._add_url(place, rule, url_rules)
            elif rule.language:
                self._languages.setdefault(language_code(rule.language), []).append(place)
            else:
                self._add_pattern(place, path_pattern(rule.pattern) if rule.pattern else None, rule.host)

    def of(self, facts: Facts, is_page: Callable[[int], bool]) -> tuple[int, ...]:
        """Return the rules that mean a page. `is_page` says whether a PageId is in the bundle.

        A URL in another spelling than the page's own means it unless it is another page's exact URL.
        """
        found = [*self._pages.get(facts.page, ()), *self._languages.get(facts.language, ())]
        for page, place in self._addresses.get(facts.address, ()):
            if page != facts.page and not is_page(page):
                found.append(place)
        found += [place for place, pattern in self._around(facts.url) if pattern is None or pattern.matches(facts.url)]
        return tuple(sorted(found))

    def _add_url(self, place: int, rule: Rule, url_rules: UrlRules) -> None:
        try:
            url = canonical(rule.url, url_rules)
        except InvalidURL:  # it was valid under the usual rules; a site's own fragments may make it too long
            return
        page = page_id(url)
        self._pages.setdefault(page, []).append(place)
        self._addresses.setdefault(address_key(url), []).append((page, place))

    def _add_pattern(self, place: int, pattern: PathPattern | None, host: str) -> None:
        of: HostPattern | None = host_pattern(host) if pattern is None else pattern.host
        if of is None:
            assert pattern is not None  # noqa: S101 -- only patterns mean any host
            self._anywhere.append((place, pattern))
            return
        (self._below if of.below else self._sites).setdefault(of.site, []).append((place, pattern))

    def _around(self, url: str) -> Iterator[tuple[int, PathPattern | None]]:
        """Yield the rules that may mean a page on this host."""
        yield from self._anywhere
        if not (self._sites or self._below):
            return
        name = site(url)
        yield from self._sites.get(name, ())
        if self._below:
            yield from self._below.get(name, ())
            bare = name.partition(":")[0]
            if bare != name:
                yield from self._below.get(bare, ())
            while "." in bare:
                bare = bare.partition(".")[2]
                yield from self._below.get(bare, ())
