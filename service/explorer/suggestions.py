"""Suggests pages by title and address as a user types: a substring search over the most clicked pages."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from service.explorer.page_index import PageIndex, build
from service.live_bundle import Live, LoadedBundle
from store.page_row import PageText, read_text

_MOST = 8  # suggestions


class Suggestions:
    """The index of the live bundle's pages, built at the first use of a bundle; for one event loop."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._thread = ThreadPoolExecutor(1, "suggestions")  # its own: a long build must not delay others
        self._bundle = ""
        self._building: asyncio.Task[PageIndex] | None = None

    async def find(self, typed: str) -> list[PageText]:
        """Return the pages whose title or address has every typed word, best first."""
        index = await asyncio.shield(self._index())  # a caller that leaves does not stop the build
        ids = await asyncio.get_running_loop().run_in_executor(self._thread, index.find, typed, _MOST)
        with self._live.leased() as bundle:
            rows = bundle.pages.read(np.array(ids, np.uint64))
        return [read_text(row) for row in rows if row is not None]

    def _index(self) -> asyncio.Task[PageIndex]:
        name = self._live.bundle.name
        if self._building is None or name != self._bundle or _failed(self._building):
            self._bundle, self._building = name, asyncio.create_task(self._build())
        return self._building

    async def _build(self) -> PageIndex:
        with self._live.leased() as bundle:
            return await asyncio.get_running_loop().run_in_executor(self._thread, _build, bundle)


def _build(bundle: LoadedBundle) -> PageIndex:
    return build(bundle.addresses.batches())


def _failed(task: asyncio.Task[PageIndex]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
