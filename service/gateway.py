"""One gateway: a recommender, whether it may be asked yet, and how it is released."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from service.admission.authorize import Authorizer
from service.answers.recommender import Recommender
from service.answers.request import Request
from service.answers.resolve import ClientError
from service.bundles.swap import Refusal, Swapper
from service.live_bundle import Live
from service.metrics import Metrics
from service.settings import Settings

log = logging.getLogger(__name__)


async def _nothing() -> None:
    """Release nothing."""


class Gateway:
    """What the servers serve. `bootstrap.load` builds it; `release` frees what it opened."""

    def __init__(
        self,
        recommender: Recommender,
        settings: Settings,
        release: Callable[[], Awaitable[None]] = _nothing,
        authorizer: Authorizer | None = None,
        swaps: Swapper | None = None,
    ) -> None:
        self.recommender = recommender
        self.settings = settings
        self.authorizer = authorizer or Authorizer()
        self.ready = False
        self.draining = False
        self.swaps = swaps
        self._release = release
        self.metrics.serves(self.bundle)
        self.metrics.address_bytes.set_function(lambda: self.live.bundle.addresses.kept_bytes)

    @property
    def live(self) -> Live:
        """The bundle that answers."""
        return self.recommender.live

    @property
    def bundle(self) -> str:
        """The name of the bundle that is served."""
        return self.live.bundle.name

    @property
    def refused(self) -> Refusal | None:
        """The bundle that was offered last, when it was not let in."""
        return None if self.swaps is None else self.swaps.refused

    @property
    def metrics(self) -> Metrics:
        """What the gateway counts."""
        return self.recommender.metrics

    async def warm_up(self) -> None:
        """Answer the bundle's warm-up URLs, so that no reader pays for the first use, then be ready."""
        for url in self.live.bundle.warmup:
            try:
                answer = await self.recommender.recommend(Request(url, budget_ms=self.settings.max_budget_ms))
            except ClientError as error:
                log.warning("warm-up: %s", error)
                continue
            if answer.degraded:
                log.warning("warm-up: the answer for %s lacks %s", url, ", ".join(answer.degraded))
        self.ready = True
        if self.swaps is not None:
            self.swaps.start()

    def drain(self) -> None:
        """Stop being ready; what is asked is still answered."""
        self.ready, self.draining = False, True

    async def close(self) -> None:
        """End what is being computed and free what was opened."""
        self.drain()
        if self.swaps is not None:
            await self.swaps.close()
        self.recommender.close()
        self.live.close()
        await self.authorizer.close()
        await self._release()
