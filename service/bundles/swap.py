"""Lets another bundle take the live one's place: check, compare, load beside, warm up, swap; one at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from service.answers.recommender import Recommender
from service.bundles import drift
from service.bundles import sample_answers as sample
from service.bundles.load import load_checked
from service.bundles.release_memory import release_memory
from service.bundles.trial import Trials
from service.bundles.verdict import Order, Refused, Sample
from service.bundles.watch import names, watch
from service.live_bundle import LoadedBundle
from service.settings import Settings
from store.bundle import CURRENT, Bundle, is_name

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A bundle that was not let in, for /readyz and the log."""

    bundle: str
    reason: str
    message: str


class _Unwanted(Exception):
    """A bundle that `current` does not name any more."""


class Swapper:
    """Swaps the bundles of one gateway; for one event loop.

    `load` opens a verified bundle; it runs on a thread. `follows`: whether to follow the file `current`.
    """

    def __init__(
        self,
        bundles: Path,
        recommender: Recommender,
        settings: Settings,
        load: Callable[[Bundle], LoadedBundle],
        follows: bool = True,
    ) -> None:
        self.refused: Refusal | None = None
        self._bundles, self._settings, self._load = bundles, settings, load
        self._recommender = recommender
        self._follows = follows and settings.swap.watch_s > 0
        self._sampled: tuple[str, Sample] | None = None  # the live bundle's name and answers, once they are known
        self._trials = Trials()
        self._lock = asyncio.Lock()
        self._watching: asyncio.Task[None] | None = None
        self._giving_back: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Follow the file `current` from now on."""
        if self._follows and self._watching is None:
            self._watching = asyncio.create_task(watch(self._bundles, self._settings.swap.watch_s, self._follow))

    async def close(self) -> None:
        """Follow no more; a swap under way is given up."""
        tasks = [task for task in (self._watching, self._giving_back) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def to(self, name: str, force: bool = False, wanted: Callable[[], bool] = lambda: True) -> None:
        """Make the named bundle the live one; `force` skips the comparison of answers. Raises Refused.

        `wanted` is asked on a thread, last of all: loading takes seconds, in which another bundle may be called for.
        """
        async with self._lock:
            try:
                await self._swap(name, force, wanted)
            except _Unwanted:
                log.warning("bundle %s is let go: %s names another one by now", name, CURRENT)
                return
            except Refused as refused:
                self._note(Refusal(name, refused.reason, str(refused)))
                raise
            except Exception as error:
                self._note(Refusal(name, "failed", f"bundle {name}: {error!r}"))
                log.exception("bundle %s could not be swapped in", name)
                raise Refused("failed", f"bundle {name}: {error!r}") from error
            self.refused = None

    async def _follow(self, name: str) -> None:
        with suppress(Refused):  # it is noted, and tried again when `current` is written again
            await self.to(name, wanted=lambda: names(self._bundles, name))

    async def _swap(self, name: str, force: bool, wanted: Callable[[], bool]) -> None:
        if not is_name(name):
            raise Refused("name", f"{name!r} names no bundle: give a bundle's directory name")
        live = self._recommender.live
        if name == live.bundle.name:
            return
        if not await asyncio.to_thread(wanted):
            raise _Unwanted
        if not live.take_back(name):
            await self._let_in(name, force, wanted)
        self._recommender.forget_other_bundles()
        self._recommender.metrics.swaps.inc()
        self._recommender.metrics.serves(name)
        log.warning("bundle %s is live", name)
        if self._giving_back is None or self._giving_back.done():
            self._giving_back = asyncio.create_task(release_memory(live))

    async def _let_in(self, name: str, force: bool, wanted: Callable[[], bool]) -> None:
        before = await self._live_sample()
        swap = self._settings.swap
        order = Order(
            bundles=self._bundles,
            name=name,
            urls=list(before),
            settings=self._settings.model_dump(mode="json"),
            seconds=swap.check_s,
            nice=swap.nice,
        )
        verdict = await self._trials.run(order)
        if not force:
            self._compare(before, {**verdict.own, **verdict.compared})
        bundle = await asyncio.to_thread(load_checked, self._bundles, name, verdict.manifest, self._load)
        try:
            await self._warm_up(bundle)
            if not await asyncio.to_thread(wanted):
                raise _Unwanted
        except BaseException:
            bundle.close()
            raise
        self._recommender.live.swap(bundle)
        self._sampled = name, verdict.own

    async def _live_sample(self) -> Sample:
        """Return the live bundle's answers: what its check found, or for the first one what it says now."""
        with self._recommender.live.leased() as bundle:
            if self._sampled is None or self._sampled[0] != bundle.name:
                budget_s = self._settings.max_budget_ms / 1e3
                self._sampled = bundle.name, await sample.take(bundle, bundle.warmup, budget_s)
        return self._sampled[1]

    def _compare(self, before: Sample, after: Sample) -> None:
        found = drift.between(before, after)
        if found is None:
            log.warning("the live bundle gives no whole answer to compare with: scores are not compared")
            return
        drift.refuse(found, self._settings.swap)

    async def _warm_up(self, bundle: LoadedBundle) -> None:
        """Answer the warm-up URLs here too: first uses are paid for, and the tables that are served are there."""
        answers = await sample.take(bundle, bundle.warmup, self._settings.max_budget_ms / 1e3)
        for url, answer in answers.items():
            if lacking := answer.broken():  # what is late or busy is the load's doing
                message = f"the answer to its warm-up page {url} lacks {', '.join(lacking)}"
                raise Refused("warmup", f"bundle {bundle.name}: {message}")

    def _note(self, refusal: Refusal) -> None:
        self._trials.forget(refusal.bundle)
        self.refused = refusal
        self._recommender.metrics.refused_bundles.labels(refusal.reason).inc()
        log.warning("a bundle is refused (%s), %s stays: %s", refusal.reason, self._live_name, refusal.message)

    @property
    def _live_name(self) -> str:
        return self._recommender.live.bundle.name
