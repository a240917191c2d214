"""An arm's own rules in addition to the gateway's: both are in force, and neither is compiled again for the other."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from xxhash import xxh3_64_intdigest

from corpus.urls.url_rules import UrlRules
from service.rules.live_rules import RuleSet, RulesInForce
from service.rules.targets import AnyTargets, Facts

_VERSIONS = count(-1, -1)  # of the process: none is a version of the gateway's rules, or of another arm's


class JoinedRules:
    """The rules in force in an arm, which change when the gateway's or its own do."""

    def __init__(self, own: RulesInForce, gateways: RulesInForce) -> None:
        self._own, self._gateways = own, gateways
        self._joined = _JoinedSet(own.current, gateways.current)

    @property
    def current(self) -> RuleSet:
        """Both rule sets as one."""
        own, gateways = self._own.current, self._gateways.current
        if self._joined.parts[0] is not own or self._joined.parts[1] is not gateways:
            self._joined = _JoinedSet(own, gateways)
        return self._joined


class _JoinedSet(RuleSet):
    """Two rule sets. The gateway's comes last: of two pins for one place, the last one gets it."""

    def __init__(self, own: RuleSet, gateways: RuleSet) -> None:
        self.parts = own, gateways
        super().__init__(next(_VERSIONS), (*own.rules, *gateways.rules))
        self.own_blocks = xxh3_64_intdigest(repr(sorted(own.blocks)).encode()) if own.blocks else 0

    def _compile(self, url_rules: UrlRules) -> AnyTargets:
        own, gateways = self.parts
        return _JoinedTargets(own.targets(url_rules), gateways.targets(url_rules), len(own.rules))


class _JoinedTargets:
    """The targets of two rule sets; the places of the second follow those of the first."""

    def __init__(self, first: AnyTargets, second: AnyTargets, after: int) -> None:
        self._first, self._second, self._after = first, second, after

    def of(self, facts: Facts, is_page: Callable[[int], bool]) -> tuple[int, ...]:
        """Return the rules that mean a page."""
        second = (place + self._after for place in self._second.of(facts, is_page))
        return (*self._first.of(facts, is_page), *second)
