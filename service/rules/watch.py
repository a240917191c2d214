"""Keeps the rules in force up to date, and remembers which ones were refused."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from configs.reading import SettingsError
from corpus.urls.url_rules import UrlRules
from service.metrics import Metrics
from service.rules.live_rules import LiveRules
from service.rules.reading import RulesError
from service.rules.rule import Rule
from service.rules.sources import FILE, Found, Source

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Follow:
    """Whom the watch serves: the URL rules of the live bundle, and what runs after a change, with the new blocks."""

    url_rules: Callable[[], UrlRules]
    changed: Callable[[tuple[Rule, ...]], None]


class RulesWatch:
    """Polls the sources; for one event loop. Polling costs a `stat` or one small read from Redis, in a thread.

    Rules that cannot be read leave the ones in force as they are: `problems` says why, by source.
    """

    def __init__(self, rules: LiveRules, sources: Sequence[Source], every_s: float, metrics: Metrics) -> None:
        self.rules = rules
        self.problems: dict[str, str] = {}
        self._sources, self._every_s, self._metrics = sources, every_s, metrics
        self._follow: Follow | None = None
        self._next = rules.current.next_change(time.time())
        self._tasks: list[asyncio.Task[None]] = []

    def load(self, url_rules: UrlRules) -> None:
        """Read all sources once: a file must be valid now, Redis may answer later. Raises SettingsError."""
        for source in self._sources:
            self._take(source.poll(), url_rules)
            self._take(source.poll(), url_rules)  # a file is taken at the second poll
        if FILE in self.problems:
            raise SettingsError(f"rules.file: {self.problems[FILE]}")

    def start(self, follow: Follow) -> None:
        """Poll from now on."""
        self._follow = follow
        self._tasks = [asyncio.create_task(self._watch(source)) for source in self._sources]
        self._tasks.append(asyncio.create_task(self._begin_and_end()))

    async def close(self) -> None:
        """Stop polling."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for part in self.problems:
            self._metrics.rules_problem.labels(part).set(0)

    async def _watch(self, source: Source) -> None:
        assert self._follow is not None  # noqa: S101 -- `start` has set it
        while True:
            await asyncio.sleep(self._every_s)
            version = self.rules.current.version
            try:
                added = await asyncio.to_thread(self._poll, source, self._follow.url_rules())
            except Exception:
                log.exception("the rules of source %s could not be followed; the last ones stay in force", source.name)
                continue
            if self.rules.current.version != version:
                log.warning("rules in force: %d, version %d", len(self.rules.current.rules), self.rules.current.version)
                self._follow.changed(added)

    def _poll(self, source: Source, url_rules: UrlRules) -> tuple[Rule, ...]:
        return self._take(source.poll(), url_rules)

    def _take(self, found: Found, url_rules: UrlRules) -> tuple[Rule, ...]:
        """Put what was found in force, or keep what is; return the new blocks."""
        added: tuple[Rule, ...] = ()
        for part, rules in found.items():
            if isinstance(rules, RulesError):
                self._refuse(part, str(rules))
                continue
            self.problems.pop(part, None)
            self._metrics.rules_problem.labels(part).set(0)
            added += self.rules.replace(part, rules, url_rules)
        return added

    def _refuse(self, part: str, problem: str) -> None:
        if self.problems.get(part) != problem:
            log.warning("rules are refused, those in force stay: %s", problem)
            self._metrics.rules_refused.labels(part).inc()
        self.problems[part] = problem
        self._metrics.rules_problem.labels(part).set(1)

    async def _begin_and_end(self) -> None:
        """Tell of rules whose time begins or ends; answers themselves know when that is."""
        assert self._follow is not None  # noqa: S101 -- `start` has set it
        while True:
            await asyncio.sleep(self._every_s)
            if (now := time.time()) >= self._next:
                started = tuple(rule for rule in self.rules.current.rules if self._next <= rule.since <= now)
                self._follow.changed(tuple(rule for rule in started if rule.action == "block"))
            self._next = self.rules.current.next_change(now)
