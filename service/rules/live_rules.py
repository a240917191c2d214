"""The rules in force in a process: those of the settings, of the file and of Redis together."""

from __future__ import annotations

import math
import threading
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Protocol

from corpus.urls.url_rules import RULES, UrlRules
from service.rules.rule import Rule
from service.rules.targets import AnyTargets, Targets
from service.settings import BlockSettings

_COMPILED = 4  # URL rules, of bundles that are open side by side


class RuleSet:
    """A set of rules that never changes; `version` tells it from the others of the process."""

    own_blocks: int = 0  # a hash of what an arm blocks beside the gateway; 0 for nothing

    def __init__(self, version: int = 0, rules: Iterable[Rule] = ()) -> None:
        self.version = version
        self.rules = tuple(rules)
        ends = {time for rule in self.rules for time in (rule.since, rule.until) if math.isfinite(time)}
        self._changes = sorted(ends)
        self._compiled: dict[UrlRules, AnyTargets] = {}

    def targets(self, url_rules: UrlRules) -> AnyTargets:
        """Return the rules' targets under a bundle's URL rules, which seldom differ from those of other bundles."""
        if (found := self._compiled.get(url_rules)) is None:
            if len(self._compiled) == _COMPILED:
                self._compiled = {}
            found = self._compiled[url_rules] = self._compile(url_rules)
        return found

    def _compile(self, url_rules: UrlRules) -> AnyTargets:
        return Targets(self.rules, url_rules)

    def next_change(self, now: float) -> float:
        """Return when the next rule begins or ends, in seconds since 1970; infinity for never."""
        place = bisect_right(self._changes, now)
        return self._changes[place] if place < len(self._changes) else math.inf

    def lifted(self, fingerprints: Iterable[int], now: float) -> bool:
        """Return whether any of these blocks is no longer in force."""
        blocks = (self.blocks.get(fingerprint) for fingerprint in fingerprints)
        return any(rule is None or not rule.since <= now < rule.until for rule in blocks)

    @cached_property
    def blocks(self) -> Mapping[int, Rule]:
        """The rules that block pages, by fingerprint."""
        return {rule.fingerprint: rule for rule in self.rules if rule.action == "block"}


class RulesInForce(Protocol):
    """Knows the rule set in force."""

    @property
    def current(self) -> RuleSet: ...


class LiveRules:
    """Holds the rule set in force; each source replaces its own rules."""

    def __init__(self, fixed: Iterable[Rule] = ()) -> None:
        """`fixed` rules are never replaced."""
        self._of: dict[str, tuple[Rule, ...]] = {"settings": tuple(fixed)}
        self._replacing = threading.Lock()
        self.current = RuleSet(0, self._of["settings"])

    def replace(self, source: str, rules: tuple[Rule, ...], url_rules: UrlRules = RULES) -> tuple[Rule, ...]:
        """Put a source's rules in force; return the blocks that were not in force before. It may run in a thread."""
        with self._replacing:  # each source has its own thread
            if self._of.get(source, ()) == rules:
                return ()
            before = self.current
            self._of[source] = rules
            every = [rule for part in self._of.values() for rule in part]
            changed = RuleSet(before.version + 1, every)
            changed.targets(url_rules)  # here: it takes long for an event loop
            self.current = changed
        return tuple(rule for rule in rules if rule.action == "block" and rule.fingerprint not in before.blocks)


def of_settings(block: BlockSettings) -> tuple[Rule, ...]:
    """Return the rules that the section `[block]` of the settings means."""
    targets = (("host", block.hosts), ("url", block.urls), ("pattern", block.paths))
    return tuple(
        Rule.model_validate({"action": "block", target: entry.strip(), "note": "settings"})
        for target, entries in targets
        for entry in sorted(entries)
    )
