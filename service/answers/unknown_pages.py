"""Hands pages that no table knows to the next refresh, off the request's path: a note costs a dictionary entry."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable

from cascade.types import Query
from store.unknown_pages import UnknownPage, UnknownPages

log = logging.getLogger(__name__)

_RECENT = 10_000  # PageIds remembered, so that a page that is asked for every second is written once
_PENDING = 1_000  # pages between two writes; more are let go and will come again
_EVERY_S = 1.0


class UnknownPageQueue:
    """Collects unknown pages and writes them every second; for one event loop. A store that fails loses them.

    `dropped` hears why (`busy`, `full`, `failed`) and how many pages were lost.
    """

    def __init__(self, store: UnknownPages, dropped: Callable[[str, int], None] = lambda why, pages: None) -> None:
        self._store, self._dropped = store, dropped
        self._recent: OrderedDict[int, int] = OrderedDict()  # PageId -> how much was told of it
        self._pending: dict[int, UnknownPage] = {}
        self._writing: asyncio.Task[None] | None = None
        self._full = False

    def note(self, query: Query) -> None:
        """Remember the query's page, unless it was just here and no more is told of it now."""
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

    async def close(self) -> None:
        """Write what is pending."""
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
            log.warning("%d unknown pages are lost: %s", len(pages), type(error).__name__)
            self._dropped("failed", len(pages))
            return
        self._tell_full(lost)

    def _tell_full(self, lost: int) -> None:
        """Count what found no room, and say so when that begins."""
        if lost:
            self._dropped("full", lost)
        if lost and not self._full:
            log.warning("no more unknown pages are kept: run `onward refresh qprime`, or raise unknown.most")
        self._full = bool(lost)
