"""Queues unknown pages for the next refresh of Q'; queueing one costs a dictionary entry."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable

from cascade.executor import UNKNOWN_PAGE
from cascade.trace import Trace
from cascade.types import Query
from service.answers.ranked_list import RankedList
from store.unknown_pages import UnknownPage, UnknownPages

log = logging.getLogger(__name__)

_RECENT = 10_000  # PageIds remembered, so that a page that is requested every second is written once
_PENDING = 1_000  # pages between two writes; further ones are dropped, and queued when they are requested again
_EVERY_S = 1.0


class UnknownPageQueue:
    """Collects unknown pages and writes them every second; for one event loop. A failing store loses them.

    `dropped` is called with the reason (`busy`, `full`, `failed`) and the number of pages lost.
    """

    name = "unknown_pages"

    def __init__(self, store: UnknownPages, dropped: Callable[[str, int], None] = lambda why, pages: None) -> None:
        self._store, self._dropped = store, dropped
        self._recent: OrderedDict[int, int] = OrderedDict()  # PageId -> how much text was sent for it
        self._pending: dict[int, UnknownPage] = {}
        self._writing: asyncio.Task[None] | None = None
        self._full = False

    def enabled(self, query: Query) -> bool:
        return True

    def after_computation(self, query: Query, ranked: RankedList, trace: Trace) -> None:
        if UNKNOWN_PAGE in trace.degraded:
            self.add(query)

    def add(self, query: Query) -> None:
        """Queue the query's page, unless it was requested lately with at least as much text."""
        page = UnknownPage(query.url, query.title, query.snippet, query.language)
        if page.fields_sent <= self._recent.get(query.page, -1):
            return
        if len(self._pending) >= _PENDING and query.page not in self._pending:
            self._dropped("busy", 1)
            return
        self._recent[query.page] = page.fields_sent
        if len(self._recent) > _RECENT:
            self._recent.popitem(last=False)
        self._pending[query.page] = page
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())

    async def count(self) -> int:
        """Return how many pages are queued. Raises the errors of the store."""
        return len(self._pending) + await asyncio.to_thread(self._store.count)

    async def close(self) -> None:
        """Write the pending pages."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        await self._flush()

    async def _write(self) -> None:
        while self._pending:
            await asyncio.sleep(_EVERY_S)
            await self._flush()

    async def _flush(self) -> None:
        pages, self._pending = self._pending, {}
        if not pages:
            return
        try:
            lost = await asyncio.to_thread(self._store.add, pages)
        except Exception as error:
            log.warning("%d unknown pages were lost: %s", len(pages), type(error).__name__)
            self._dropped("failed", len(pages))
            return
        self._count_full(lost)

    def _count_full(self, lost: int) -> None:
        """Count pages for which there was no room; log only the first time."""
        if lost:
            self._dropped("full", lost)
        if lost and not self._full:
            log.warning("no room for more unknown pages: run `onward refresh qprime`, or raise unknown.most")
        self._full = bool(lost)
