"""Applies the rules in force to one bundle: as a filter before ranking, and to every list at the last step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cascade.executor import SHIFT
from cascade.trace import Trace, thin
from cascade.types import Candidates, Query
from corpus.urls.url import InvalidURL
from ranking.expiry import Expired
from service.rules.live_rules import LiveRules, RuleSet, RulesInForce
from service.rules.rule import Rule
from service.rules.targets import Facts
from store.addresses import Addresses
from store.page_row import read_text
from store.tables import LocalTable

BLOCKED = "blocklist"  # the reason of a drop

_REMEMBERED = 100_000  # pages whose rules are kept, once a rule exists


class Hit(NamedTuple):
    """A rule, and a page that it acted on."""

    rule: Rule
    page: int


@dataclass(frozen=True, slots=True)
class Steered:
    """A ranked list under the rules, which holds until a time (seconds since 1970) or another version of the rules."""

    ranked: Candidates  # with the column SHIFT where a rule moves pages
    hits: tuple[Hit, ...]
    version: int
    until: float


class Steering:
    """The rules as they apply to the pages of one bundle; for one event loop."""

    def __init__(
        self,
        rules: RulesInForce | None = None,
        pages: LocalTable | None = None,
        addresses: Addresses | None = None,
        expired: Expired | None = None,
    ) -> None:
        self.rules: RulesInForce = rules or LiveRules()
        self.expired = expired or Expired()
        self._pages, self._addresses = pages, addresses
        self._followed: RuleSet | None = None
        self._known: dict[int, tuple[int, ...]] = {}  # PageId -> places of the rules that mean the page
        self._pins: list[tuple[int, Rule]] = []  # by position

    def under(self, rules: RulesInForce) -> Steering:
        """Return the steering of the same bundle under other rules."""
        return Steering(rules, self._pages, self._addresses, self.expired)

    def in_force(self, query: Query, candidates: Candidates) -> Iterator[tuple[int, Rule]]:
        """Yield (row, rule) for every rule that means a candidate and is in force for the query."""
        current = self._follow()
        if not current.rules or len(candidates) == 0:
            return
        now = 3600 * query.at
        for row, places in enumerate(self._rules_of(current, candidates)):
            for place in places:
                if current.rules[place].holds(query.url, now):
                    yield row, current.rules[place]

    def kept(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        """Return which candidates may be shown: neither blocked nor expired."""
        keep = np.array(self.expired.keep(query, candidates))
        for row, rule in self.in_force(query, candidates):
            keep[row] &= rule.action != "block"
        return keep

    def steer(self, query: Query, ranked: Candidates, trace: Trace) -> Steered:
        """Return the list under the rules in force at the query's time; `ranked` has what selection reads."""
        current = self._follow()  # first: a list never claims rules that came into force while it was selected
        keep, shift, hits = np.array(self.expired.keep(query, ranked)), np.zeros(len(ranked), np.float32), []
        trace.drop(ranked.pages[~keep], self.expired.name)
        for row, rule in self.in_force(query, ranked):
            if rule.action == "block":
                keep[row] = False
                trace.drop(ranked.pages[[row]], BLOCKED)
            elif rule.by is not None:
                shift[row] += rule.by if rule.action == "boost" else -rule.by
            if rule.action != "pin":
                hits.append(Hit(rule, int(ranked.pages[row])))
        left = ranked if keep.all() else ranked.take(keep)
        if shift.any():
            left = left.with_columns({SHIFT: shift[keep]})
        return Steered(left, tuple(hits), current.version, current.next_change(3600 * query.at))

    def pins(self, query: Query, k: int) -> list[tuple[int, Rule]]:
        """Return (PageId, rule) of the pages that may have a place up to k, by position; each page once."""
        self._follow()
        now, found = 3600 * query.at, dict[int, Rule]()
        for page, rule in self._pins:
            if (rule.position or 1) <= k and page not in (query.page, *query.exclude) and rule.holds(query.url, now):
                found.setdefault(page, rule)
        if len(found) > k:
            shown = _in_places(found)[:k]
            return [(page, rule) for page, rule in found.items() if page in shown]
        return list(found.items())

    def _follow(self) -> RuleSet:
        """Return the rules in force; what was remembered of others is forgotten."""
        current = self.rules.current
        if current is not self._followed:
            self._followed, self._known = current, {}
            pins = [rule for rule in current.rules if rule.action == "pin"]
            by_position = sorted(pins, key=lambda rule: rule.position or 1)
            pages = [(self._page(rule.url), rule) for rule in by_position]
            self._pins = [(page, rule) for page, rule in pages if page is not None]
        return current

    def _page(self, url: str) -> int | None:
        """Return the page of a rule's URL; None where a site's own URL rules make the URL too long."""
        with suppress(InvalidURL):
            return None if self._addresses is None else self._addresses.page(url)
        return None

    def _rules_of(self, current: RuleSet, candidates: Candidates) -> Iterator[tuple[int, ...]]:
        """Yield the places of the rules that mean each candidate."""
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        known = self._known
        for row, page in enumerate(candidates.pages.tolist()):
            if (places := known.get(page)) is None:
                places = known[page] = self._compared(current, candidates, row)
            yield places

    def _compared(self, current: RuleSet, candidates: Candidates, row: int) -> tuple[int, ...]:
        assert self._pages is not None  # noqa: S101 -- a bundle with rules has pages
        assert self._addresses is not None  # noqa: S101
        address, language = int(candidates["address"][row]), int(candidates["language"][row])
        facts = Facts(int(candidates.pages[row]), address, language, read_text(candidates["row"][row]).url)
        return current.targets(self._addresses.rules).of(facts, self._pages.__contains__)


def _in_places(pins: Mapping[int, Rule]) -> list[int]:
    """Return pinned pages as an answer of them alone shows them: of two for one place, the last one has it."""
    pages: list[int] = []
    for page, rule in pins.items():
        pages.insert((rule.position or 1) - 1, page)
    return pages


@dataclass(frozen=True, slots=True)
class BlockFilter:
    """Drops blocked pages before they are ranked, and notes in the trace which rules did."""

    steering: Steering = field(default_factory=Steering)

    @property
    def name(self) -> str:
        """The reason of a drop."""
        return BLOCKED

    def keep(self, query: Query, candidates: Candidates) -> NDArray[np.bool_]:
        keep: NDArray[np.bool_] = np.ones(len(candidates), np.bool_)
        for row, rule in self.steering.in_force(query, candidates):
            if rule.action == "block":
                keep[row] = False
                thin(rule.fingerprint, int(candidates.pages[row]))
        return keep
