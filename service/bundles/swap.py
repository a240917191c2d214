"""Swaps bundles without a restart: check, compare, load beside the live one, warm up, swap; one at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from service.answers.recommender import Recommender
from service.bundles import compare_answers, sample_answers
from service.bundles.check_messages import Order, Refused, Sample, Verdict
from service.bundles.check_process import Trials
from service.bundles.load import load_checked
from service.bundles.release_memory import release_memory
from service.bundles.warm_up import warm_up
from service.bundles.watch import names, watch
from service.live_bundle import Lease, LoadedBundle
from service.settings import Settings
from store.bundle import CURRENT, Bundle, is_name, published

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RefusedBundle:
    """A bundle that was refused, for /readyz and the log."""

    bundle: str
    reason: str
    message: str


class _Superseded(Exception):
    """`current` no longer names this bundle."""


class Swapper:
    """Swaps the bundles of one gateway; for one event loop.

    `load` opens a verified bundle; it runs in a thread. `follows`: whether to follow the file `current`.
    """

    def __init__(
        self,
        bundles: Path,
        recommender: Recommender,
        settings: Settings,
        load: Callable[[Bundle], LoadedBundle],
        follows: bool = True,
    ) -> None:
        self.refused: RefusedBundle | None = None
        self._bundles, self._settings, self._load = bundles, settings, load
        self._recommender = recommender
        self._follows = follows and settings.swap.watch_s > 0
        self._sampled: tuple[str, Sample] | None = None  # the live bundle's name and answers, once sampled
        self._trials = Trials()
        self._lock = asyncio.Lock()
        self._watching: asyncio.Task[None] | None = None
        self._releasing: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Follow the file `current` from now on."""
        if self._follows and self._watching is None:
            self._watching = asyncio.create_task(watch(self._bundles, self._settings.swap.watch_s, self._follow))

    async def close(self) -> None:
        """Stop following; a swap in progress is cancelled."""
        tasks = [task for task in (self._watching, self._releasing) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def to(self, name: str, force: bool = False, wanted: Callable[[], bool] = lambda: True) -> None:
        """Make the named bundle live; `force` skips the comparison of answers. Raises Refused.

        `wanted` is called in a thread, also just before the swap: `current` may change while the bundle is loaded.
        """
        async with self._lock:
            try:
                await self._swap(name, force, wanted)
            except _Superseded:
                log.warning("bundle %s is dropped: %s names another one by now", name, CURRENT)
                return
            except Refused as refused:
                self._record_refusal(RefusedBundle(name, refused.reason, str(refused)))
                raise
            except Exception as error:
                self._record_refusal(RefusedBundle(name, "failed", f"bundle {name}: {error!r}"))
                log.exception("bundle %s could not be swapped in", name)
                raise Refused("failed", f"bundle {name}: {error!r}") from error
            self.refused = None

    async def _follow(self, name: str) -> None:
        with suppress(Refused):  # recorded; tried again when `current` is written again
            await self.to(name, wanted=lambda: names(self._bundles, name))

    async def _swap(self, name: str, force: bool, wanted: Callable[[], bool]) -> None:
        if not is_name(name):
            raise Refused("name", f"{name!r} is not the name of a bundle: give a bundle's directory name")
        live = self._recommender.live
        if name == live.bundle.name:
            return
        if not await asyncio.to_thread(wanted):
            raise _Superseded
        held = live.serving.keys()  # an arm's bundle is open, and was never compared with the live one
        if name in held or not live.reuse(name):
            await self._check_and_load(name, force, wanted)
        self.forget_unused()
        self._recommender.metrics.swaps.inc()
        self._recommender.metrics.set_bundle(name)
        log.warning("bundle %s is live", name)

    def forget_unused(self) -> None:
        """Drop what caches hold of bundles that answer no more, and return their memory once no request uses them."""
        self._recommender.forget_other_bundles()
        if self._releasing is None or self._releasing.done():
            self._releasing = asyncio.create_task(release_memory(self._recommender.live))

    async def published(self) -> list[str]:
        """Return the names of all published bundles, oldest first."""
        return await asyncio.to_thread(published, self._bundles)

    async def hold(self, name: str) -> Lease:
        """Open a bundle beside the live one, checked and warmed up; its answers may differ. Raises Refused."""
        async with self._lock:
            try:
                return await self._held(name)
            except Refused as refused:
                self._count_refusal(name, refused)
                raise
            except Exception as error:
                failed = Refused("failed", f"bundle {name}: {error!r}")
                self._count_refusal(name, failed)
                raise failed from error

    async def _held(self, name: str) -> Lease:
        live = self._recommender.live
        if (open_one := live.named(name)) is not None:
            return live.hold(open_one)
        verdict = await self._trials.run(self._order(name, ()))
        return live.hold(await self._loaded(name, verdict))

    def _count_refusal(self, name: str, refused: Refused) -> None:
        self._trials.forget(name)
        self._recommender.metrics.refused_bundles.labels(refused.reason).inc()

    async def _check_and_load(self, name: str, force: bool, wanted: Callable[[], bool]) -> None:
        live, before = self._recommender.live, await self._live_sample()
        verdict = await self._trials.run(self._order(name, before))
        if not force:
            self._compare(before, {**verdict.own, **verdict.compared})
        if live.named(name) is None:
            bundle = await self._loaded(name, verdict, wanted)
            live.swap(bundle)
        elif await asyncio.to_thread(wanted):
            live.reuse(name)
        else:
            raise _Superseded
        self._sampled = name, verdict.own

    def _order(self, name: str, urls: Iterable[str]) -> Order:
        swap, settings = self._settings.swap, self._settings.model_dump(mode="json")
        return Order(
            bundles=self._bundles, name=name, urls=list(urls), settings=settings, seconds=swap.check_s, nice=swap.nice
        )

    async def _loaded(self, name: str, verdict: Verdict, wanted: Callable[[], bool] = lambda: True) -> LoadedBundle:
        """Return a checked bundle, loaded and warm. Raises Refused and _Superseded."""
        bundle = await asyncio.to_thread(load_checked, self._bundles, name, verdict.manifest, self._load)
        try:
            await self._warm_up(bundle)
            if not await asyncio.to_thread(wanted):
                raise _Superseded
        except BaseException:
            bundle.close()
            raise
        return bundle

    async def _live_sample(self) -> Sample:
        """Return the live bundle's answers: those of its check, or for the first bundle its answers now."""
        with self._recommender.live.leased() as bundle:
            if self._sampled is None or self._sampled[0] != bundle.name:
                budget_s = self._settings.max_budget_ms / 1e3
                self._sampled = bundle.name, await sample_answers.take(bundle, bundle.warmup, budget_s)
        return self._sampled[1]

    def _compare(self, before: Sample, after: Sample) -> None:
        found = compare_answers.between(before, after)
        if found is None:
            log.warning("the live bundle gives no complete answer to compare with: answers are not compared")
            return
        compare_answers.refuse(found, self._settings.swap)

    async def _warm_up(self, bundle: LoadedBundle) -> None:
        """Answer the warm-up URLs in this process too: it fills caches and shows that the served tables work."""
        answers = await warm_up(bundle, self._settings.max_budget_ms / 1e3)
        for url, answer in answers.items():
            if missing := answer.broken():  # timeouts come from the load
                message = f"the answer for the warm-up page {url} is degraded: {', '.join(missing)}"
                raise Refused("warmup", f"bundle {bundle.name}: {message}")

    def _record_refusal(self, refusal: RefusedBundle) -> None:
        self._trials.forget(refusal.bundle)
        self.refused = refusal
        self._recommender.metrics.refused_bundles.labels(refusal.reason).inc()
        log.warning("a bundle is refused (%s), %s stays live: %s", refusal.reason, self._live_name, refusal.message)

    @property
    def _live_name(self) -> str:
        return self._recommender.live.bundle.name
