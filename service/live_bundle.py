"""The live bundle. Requests lease it, so that a swap never closes a bundle that a request still uses."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from cascade.executor import Cascade
from ranking import stored_answers
from ranking.session.score import SessionScorer
from service.rules.steering import Steering
from store.addresses import Addresses
from store.bundle import Manifest
from store.redis.table_with_fallback import RedisTable
from store.tables import LmdbTable, LocalTable


@dataclass(frozen=True, slots=True)
class LoadedBundle:
    """One bundle in memory: everything that a swap replaces. `close` frees it."""

    name: str
    cascade: Cascade
    pages: LocalTable
    addresses: Addresses  # which page a URL belongs to
    close: Callable[[], None]
    warmup: tuple[str, ...] = ()
    answers: LmdbTable | RedisTable | None = None  # lists ranked before they are asked for
    answers_by: str = stored_answers.STUDENT  # who scored them
    steering: Steering = field(default_factory=Steering)  # the operator's rules, and the ends of pages
    session: SessionScorer | None = None  # None where histories change nothing
    manifest: Manifest | None = None  # how the bundle was built; None in tests without one
    plain: LoadedBundle | None = None  # of an arm's view of a bundle: the bundle without the arm's rules

    def stands(self, terms: tuple[int, float]) -> bool:
        """Return whether an answer may still be shown: its version of the rules is in force, and its time not over."""
        version, until = terms
        return version == self.steering.rules.current.version and (until == math.inf or self.cascade.clock() < until)

    def lacks_pages(self, thinned: tuple[int, ...]) -> bool:
        """Return whether a list that these rules have thinned would have more pages now: one is no longer in force."""
        return bool(thinned) and self.steering.rules.current.lifted(thinned, self.cascade.clock())


class Lease:
    """The right to use a bundle until `release`, which may be called repeatedly."""

    def __init__(self, bundle: LoadedBundle, released: Callable[[], None]) -> None:
        self.bundle = bundle
        self._released: Callable[[], None] | None = released

    def release(self) -> None:
        """End the lease."""
        if self._released is not None:
            released, self._released = self._released, None
            released()


class Live:
    """Holds the live bundle, those that arms hold, and older ones that requests still use; for one event loop."""

    def __init__(self, bundle: LoadedBundle) -> None:
        self._bundle = bundle
        self._open: dict[str, LoadedBundle] = {bundle.name: bundle}
        self._leases: Counter[str] = Counter()
        self._held: Counter[str] = Counter()  # leases that last as long as an experiment
        self._no_older = asyncio.Event()
        self._no_older.set()

    @property
    def bundle(self) -> LoadedBundle:
        """The bundle that new requests use."""
        return self._bundle

    @property
    def serving(self) -> Mapping[str, LoadedBundle]:
        """The bundles that answer new requests, by name: the live one first, then those that arms hold."""
        held = {name: self._open[name] for name, holds in self._held.items() if holds}
        return {self._bundle.name: self._bundle} | held

    def named(self, name: str) -> LoadedBundle | None:
        """Return a bundle that is open; None where it is not."""
        return self._open.get(name)

    async def no_older_open(self) -> None:
        """Wait until no request uses a bundle that answers no new ones."""
        await self._no_older.wait()

    def lease(self, name: str = "") -> Lease:
        """Return the live bundle, or the named one that is open; it stays open until the lease is released."""
        bundle = self._bundle if name in ("", self._bundle.name) else self._open[name]
        self._leases[bundle.name] += 1
        return Lease(bundle, lambda: self._released(bundle))

    @contextmanager
    def leased(self, name: str = "") -> Iterator[LoadedBundle]:
        """Use the live bundle, or the named one, for the block."""
        lease = self.lease(name)
        try:
            yield lease.bundle
        finally:
            lease.release()

    def hold(self, bundle: LoadedBundle) -> Lease:
        """Keep a bundle open beside the live one, for an arm, until the lease is released."""
        self._open.setdefault(bundle.name, bundle)
        self._held[bundle.name] += 1
        lease = self.lease(bundle.name)

        def released() -> None:
            self._held[bundle.name] -= 1
            lease.release()

        self._note_older()
        return Lease(lease.bundle, released)

    def swap(self, bundle: LoadedBundle) -> None:
        """Make another bundle live; the old one is closed when its last lease is released."""
        if bundle.name in self._open:
            raise ValueError(f"bundle {bundle.name} is still open")
        old, self._bundle = self._bundle, bundle
        self._open[bundle.name] = bundle
        self._close_unused(old)

    def reuse(self, name: str) -> bool:
        """Make an open bundle live: an older one that requests still use, or an arm's; return whether it was open."""
        if name not in self._open:
            return False
        old, self._bundle = self._bundle, self._open[name]
        self._close_unused(old)
        return True

    def close(self) -> None:
        """Close every bundle; no request may follow."""
        while self._open:
            self._open.popitem()[1].close()

    def _released(self, bundle: LoadedBundle) -> None:
        self._leases[bundle.name] -= 1
        self._close_unused(bundle)

    def _close_unused(self, bundle: LoadedBundle) -> None:
        if bundle is not self._bundle and not self._leases[bundle.name]:
            del self._leases[bundle.name], self._held[bundle.name]
            if self._open.pop(bundle.name, None) is not None:
                bundle.close()
        self._note_older()

    def _note_older(self) -> None:
        if self._open.keys() <= self.serving.keys():
            self._no_older.set()
        else:
            self._no_older.clear()
