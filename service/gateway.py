"""One gateway: the recommender with its state (ready, draining) and its resources."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from configs.reading import SettingsError
from service.admission.authorize import Authorizer
from service.answers.page_counts import PageCounts
from service.answers.recommender import Recommender
from service.answers.request import Request
from service.answers.resolve import ClientError
from service.answers.unknown_pages import UnknownPageQueue
from service.bundles.check_messages import Refused
from service.bundles.compared import ComparedBundle
from service.bundles.swap import RefusedBundle, Swapper
from service.bundles.warm_up import warm_up
from service.events.recorder import Recorder
from service.experiments.open_arms import Ground
from service.live_bundle import Lease, Live
from service.metrics import Metrics
from service.rules.rule import Rule
from service.rules.surrogate_keys import EVERY, key_of, pages_meant
from service.rules.watch import Follow, RulesWatch
from service.rules.webhook import Webhook
from service.settings import Settings
from store.label_file import LabelFile

log = logging.getLogger(__name__)


async def _release_nothing() -> None:
    """Release nothing."""


@dataclass(frozen=True, slots=True)
class Explored:
    """What the explorer shows and takes beside answers."""

    asked: PageCounts = field(default_factory=PageCounts)  # how often each page was asked for
    unknown: UnknownPageQueue | None = None
    labels: LabelFile | None = None  # where ratings go; None: nobody may rate


class Gateway:
    """What the HTTP and gRPC servers serve. `bootstrap.load` builds it; `release` frees what it opened."""

    def __init__(
        self,
        recommender: Recommender,
        settings: Settings,
        release: Callable[[], Awaitable[None]] = _release_nothing,
        authorizer: Authorizer | None = None,
        swaps: Swapper | None = None,
        rules: RulesWatch | None = None,
        recorder: Recorder | None = None,
        explored: Explored | None = None,
    ) -> None:
        self.recommender = recommender
        self.settings = settings
        self.authorizer = authorizer or Authorizer()
        self.ready = False
        self.draining = False
        self.swaps = swaps
        self.rules = rules
        self.recorder = recorder
        self.explored = explored or Explored()
        self.compared = ComparedBundle(self._hold, self._bundles_changed)
        self._webhook = Webhook(settings.purge, self.metrics)
        self._purging: set[asyncio.Task[None]] = set()
        self._release = release
        self.metrics.set_bundle(self.bundle)
        if rules is not None:
            self.metrics.rules.set_function(lambda: len(rules.rules.current.rules))
        self.metrics.address_bytes.set_function(lambda: self.live.bundle.addresses.kept_bytes)

    @property
    def live(self) -> Live:
        """The live bundle, with its leases."""
        return self.recommender.live

    @property
    def bundle(self) -> str:
        """The name of the live bundle."""
        return self.live.bundle.name

    @property
    def refused(self) -> RefusedBundle | None:
        """The last offered bundle if it was refused, else None."""
        return None if self.swaps is None else self.swaps.refused

    @property
    def arms_rules(self) -> Mapping[str, RulesWatch]:
        """The rules of each arm that has its own."""
        experiments = self.recommender.experiments
        return {} if experiments is None or experiments.arms is None else experiments.arms.rules

    @property
    def rules_problems(self) -> dict[str, str]:
        """Why rules were refused, by source; the last ones of the source stay in force."""
        watches = [*([self.rules] if self.rules is not None else []), *self.arms_rules.values()]
        return {source: problem for watch in watches for source, problem in watch.problems.items()}

    @property
    def metrics(self) -> Metrics:
        """The gateway's metrics."""
        return self.recommender.metrics

    async def warm_up(self) -> None:
        """Answer the bundle's warm-up URLs, so that the first readers do not wait longer, then become ready."""
        await warm_up(self.live.bundle, self.settings.max_budget_ms / 1e3)
        for url in self.live.bundle.warmup:
            try:
                answer = await self.recommender.recommend(Request(url, budget_ms=self.settings.max_budget_ms))
            except ClientError as error:
                log.warning("warm-up: %s", error)
                continue
            if answer.degraded:
                log.warning("warm-up: the answer for %s is degraded: %s", url, ", ".join(answer.degraded))
        if self.rules is not None:
            self.rules.start(Follow(lambda: self.live.bundle.addresses.rules, self._rules_changed))
        if self.recorder is not None:
            self.recorder.start()
        if self.recommender.experiments is not None:
            ground = Ground(self.live, self._hold, self._rules_changed, self._bundles_changed)
            await self.recommender.experiments.start(ground)
        self.ready = True
        if self.swaps is not None:
            self.swaps.start()

    async def purge(self, rules: tuple[Rule, ...]) -> dict[str, Any]:
        """Drop the cached lists with pages that rules mean; return their number, and tell caches outside the keys."""
        pages = await self._pages_meant(rules)
        lists = await self.recommender.forget_pages(None if pages is None else frozenset(pages))
        keys = [EVERY] if pages is None else [key_of(page) for page in pages]
        return {"lists": lists, "keys": keys, "webhook": self._webhook.send(keys)}

    async def _pages_meant(self, rules: tuple[Rule, ...]) -> list[int] | None:
        """Return the pages that rules mean in the live bundle and in those of arms; None for too many."""
        every: set[int] = set()
        for name in self.live.serving:
            if self.live.named(name) is None:  # closed while others were read
                continue
            with self.live.leased(name) as bundle:
                pages = await asyncio.to_thread(pages_meant, rules, bundle.addresses)
            if pages is None:
                return None
            every.update(pages)
        return sorted(every)

    def _rules_changed(self, blocks: tuple[Rule, ...]) -> None:
        """Follow a change of rules; caches outside drop what new rules block."""
        self.recommender.follow_rules()
        if blocks and self.settings.purge.webhook:
            task = asyncio.create_task(self._purge_outside(blocks))
            self._purging.add(task)
            task.add_done_callback(self._purging.discard)

    async def _hold(self, bundle: str) -> Lease:
        """Open a bundle beside the live one. Raises SettingsError."""
        if self.swaps is None:
            raise SettingsError("this gateway cannot open other bundles: leave it out")
        try:
            return await self.swaps.hold(bundle)
        except Refused as refused:
            raise SettingsError(str(refused)) from None

    def _bundles_changed(self) -> None:
        self.recommender.follow_rules()
        if self.swaps is not None:
            self.swaps.forget_unused()

    async def _purge_outside(self, blocks: tuple[Rule, ...]) -> None:
        try:
            await self.purge(blocks)
        except Exception:
            log.exception("caches outside were not told of %d new blocks: call POST /admin/purge", len(blocks))

    def drain(self) -> None:
        """Report not ready; requests are still answered."""
        self.ready, self.draining = False, True

    async def close(self) -> None:
        """Cancel the computations in flight and free all resources."""
        self.drain()
        if self.recommender.experiments is not None:
            await self.recommender.experiments.close()
        self.compared.end()
        if self.swaps is not None:
            await self.swaps.close()
        if self.rules is not None:
            await self.rules.close()
        await asyncio.gather(*self._purging)
        await self._webhook.close()
        if self.recorder is not None:
            await self.recorder.close()
        self.recommender.close()
        self.live.close()
        await self.authorizer.close()
        await self._release()
