"""The bundle that answers: leased by every request, so that a swap never takes it from under one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cascade.executor import Cascade
from store.addresses import Addresses
from store.tables import LocalTable


@dataclass(frozen=True, slots=True)
class LoadedBundle:
    """One bundle in memory: everything that a swap replaces. `close` frees it."""

    name: str
    cascade: Cascade
    pages: LocalTable
    addresses: Addresses  # which page a URL is
    close: Callable[[], None]
    warmup: tuple[str, ...] = ()


class Lease:
    """The right to use a bundle until `release`; once is enough."""

    def __init__(self, bundle: LoadedBundle, released: Callable[[], None]) -> None:
        self.bundle = bundle
        self._released: Callable[[], None] | None = released

    def release(self) -> None:
        """Give the bundle back."""
        if self._released is not None:
            released, self._released = self._released, None
            released()


class Live:
    """Holds the live bundle and those that requests still use; for one event loop."""

    def __init__(self, bundle: LoadedBundle) -> None:
        self._bundle = bundle
        self._open: dict[str, LoadedBundle] = {bundle.name: bundle}
        self._leases: dict[str, int] = {bundle.name: 0}
        self._alone = asyncio.Event()
        self._alone.set()

    @property
    def bundle(self) -> LoadedBundle:
        """The bundle that new requests get."""
        return self._bundle

    async def alone(self) -> None:
        """Wait until no request uses a bundle that is not live any more."""
        await self._alone.wait()

    def lease(self) -> Lease:
        """Return the live bundle, which stays open until the lease is released."""
        bundle = self._bundle
        self._leases[bundle.name] += 1
        return Lease(bundle, lambda: self._released(bundle))

    @contextmanager
    def leased(self) -> Iterator[LoadedBundle]:
        """Use the live bundle for the block."""
        lease = self.lease()
        try:
            yield lease.bundle
        finally:
            lease.release()

    def swap(self, bundle: LoadedBundle) -> None:
        """Make another bundle the live one; the old one is closed when its last lease is released."""
        if bundle.name in self._open:
            raise ValueError(f"bundle {bundle.name} is still open")
        old, self._bundle = self._bundle, bundle
        self._open[bundle.name], self._leases[bundle.name] = bundle, 0
        self._alone.clear()
        self._close_unused(old)

    def take_back(self, name: str) -> bool:
        """Make a bundle live again that requests still use; False when it is not open any more."""
        if name not in self._open:
            return False
        old, self._bundle = self._bundle, self._open[name]
        self._close_unused(old)
        return True

    def close(self) -> None:
        """Free every open bundle. Nothing may be asked any more."""
        while self._open:
            self._open.popitem()[1].close()

    def _released(self, bundle: LoadedBundle) -> None:
        self._leases[bundle.name] -= 1
        self._close_unused(bundle)

    def _close_unused(self, bundle: LoadedBundle) -> None:
        if bundle is self._bundle or self._leases[bundle.name]:
            return
        del self._leases[bundle.name]
        if self._open.pop(bundle.name, None) is not None:
            bundle.close()
        if len(self._open) == 1:
            self._alone.set()
