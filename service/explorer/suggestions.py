"""Suggests pages by title and address as a user types: a substring search over the most clicked pages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

import numpy as np

from service.explorer.page_index import PageIndex, build
from service.live_bundle import Live, LoadedBundle
from store.page_row import PageText, read_text

_MOST = 8  # suggestions
_T = TypeVar("_T")


class Suggestions:
    """The index of the live bundle's pages, built at the first use of a bundle; for one event loop."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._one = asyncio.Lock()
        self._bundle = ""
        self._building: asyncio.Task[PageIndex] | None = None

    async def find(self, typed: str) -> list[PageText]:
        """Return the pages whose title or address has every typed word, best first."""
        index = await asyncio.shield(self._index())  # a caller that leaves does not stop the build
        ids = await self._in_thread(lambda: index.find(typed, _MOST))
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
            return await self._in_thread(lambda: _build(bundle))

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        """Run `work` in a thread of its own, since a long build must not delay others; it ends with the work."""
        await self._one.acquire()
        loop, thread = asyncio.get_running_loop(), ThreadPoolExecutor(1, "suggestions")
        done = thread.submit(work)
        done.add_done_callback(lambda _: self._release(loop))  # not before, though the caller may leave
        thread.shutdown(wait=False)  # an idle thread would hold up the shutdown of the process
        return await asyncio.wrap_future(done)

    def _release(self, loop: asyncio.AbstractEventLoop) -> None:
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(self._one.release)


def _build(bundle: LoadedBundle) -> PageIndex:
    return build(bundle.addresses.batches())


def _failed(task: asyncio.Task[PageIndex]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
