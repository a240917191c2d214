"""One gateway: the recommender with its state (ready, draining) and its resources."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from service.admission.authorize import Authorizer
from service.answers.page_counts import PageCounts
from service.answers.recommender import Recommender
from service.answers.request import Request
from service.answers.resolve import ClientError
from service.answers.unknown_pages import UnknownPageQueue
from service.bundles.sample_answers import take
from service.bundles.swap import RefusedBundle, Swapper
from service.live_bundle import Live
from service.metrics import Metrics
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
        explored: Explored | None = None,
    ) -> None:
        self.recommender = recommender
        self.settings = settings
        self.authorizer = authorizer or Authorizer()
        self.ready = False
        self.draining = False
        self.swaps = swaps
        self.explored = explored or Explored()
        self._release = release
        self.metrics.set_bundle(self.bundle)
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
    def metrics(self) -> Metrics:
        """The gateway's metrics."""
        return self.recommender.metrics

    async def warm_up(self) -> None:
        """Answer the bundle's warm-up URLs, so that the first readers do not wait longer, then become ready."""
        if self.live.bundle.answers is not None:  # stored answers warm up no model
            await take(self.live.bundle, self.live.bundle.warmup, self.settings.max_budget_ms / 1e3)
        for url in self.live.bundle.warmup:
            try:
                answer = await self.recommender.recommend(Request(url, budget_ms=self.settings.max_budget_ms))
            except ClientError as error:
                log.warning("warm-up: %s", error)
                continue
            if answer.degraded:
                log.warning("warm-up: the answer for %s is degraded: %s", url, ", ".join(answer.degraded))
        self.ready = True
        if self.swaps is not None:
            self.swaps.start()

    def drain(self) -> None:
        """Report not ready; requests are still answered."""
        self.ready, self.draining = False, True

    async def close(self) -> None:
        """Cancel the computations in flight and free all resources."""
        self.drain()
        if self.swaps is not None:
            await self.swaps.close()
        self.recommender.close()
        self.live.close()
        await self.authorizer.close()
        await self._release()
