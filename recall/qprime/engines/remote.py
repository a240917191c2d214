"""A search engine behind HTTP: what is kept is not asked again, what fails is counted and is None, never a crash."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import httpx

from recall.qprime.engines.calling import Caller, Unanswered
from recall.qprime.engines.endpoint import SearchEndpoint
from recall.qprime.engines.provider import Provider, Reply, hits, sendable
from recall.qprime.engines.search_engine import NO_HITS, Hits
from recall.qprime.engines.store import DAY, SearchStore, answer_key


class RemoteEngine:
    """Asks one provider, through a store of answers that is also the checkpoint.

    Not for several threads, nor for use within an event loop. Counts go on over all searches;
    a query is counted once a search, however often the search holds it.
    """

    def __init__(self, provider: Provider, endpoint: SearchEndpoint, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since 1970: it dates answers and decides when a day of the budget begins."""
        self.asked = 0  # queries that got an answer now
        self.from_store = 0  # queries that had one
        self.failures: Counter[str] = Counter()  # queries without one, by reason
        self.dropped: Counter[str] = Counter()  # hits of answers that came now, by reason
        self._provider, self._endpoint, self._clock = provider, endpoint, clock
        self._caller = Caller(provider, endpoint)

    @property
    def calls(self) -> int:
        """Return how many HTTP requests were sent, retries among them."""
        return self._caller.calls

    @property
    def retried(self) -> Counter[str]:
        """Return how many calls were tried again, by reason."""
        return self._caller.retried

    def search(self, queries: Sequence[str], limit: int) -> list[Hits | None]:
        """Return at most `limit` hits a query; a query without words finds nothing, None is one that failed.

        Raises SettingsError where the store cannot be opened.
        """
        texts = [sendable(query) for query in queries]
        keys = {text: answer_key(self._provider.name, self._provider.source, text, limit) for text in texts if text}
        store = SearchStore(self._endpoint.store, self._endpoint.freshness_days * DAY, self._clock)
        try:
            found = {text: kept for text, key in keys.items() if (kept := store.get(key)) is not None}
            self.from_store += len(found)
            missing = {text: key for text, key in keys.items() if text not in found}
            if missing:
                asyncio.run(self._ask(missing, limit, store, found))
        finally:
            store.close()
        return [found.get(text) if text else NO_HITS for text in texts]

    async def _ask(self, missing: Mapping[str, bytes], limit: int, store: SearchStore, found: dict[str, Hits]) -> None:
        """Add what the provider finds to `found`, and keep it as it comes."""

        async def work(client: httpx.AsyncClient, todo: Iterator[list[str]]) -> None:
            for texts in todo:  # the workers share one iterator: each query is taken once
                try:
                    replies = await self._caller.ask(client, store, texts, limit)
                except Unanswered as unanswered:
                    self.failures[unanswered.reason] += len(texts)
                    continue
                for text, reply in zip(texts, replies, strict=True):
                    if (answer := self._hits(reply, limit)) is not None:
                        store.put(missing[text], answer)
                        found[text] = answer

        todo, size = list(missing), self._provider.queries_a_call
        batches = iter([todo[start : start + size] for start in range(0, len(todo), size)])
        self._caller.begin()
        # No redirects: they would carry the key elsewhere. The timeout is of a whole try, and the caller's.
        async with httpx.AsyncClient(timeout=None, follow_redirects=False) as client, asyncio.TaskGroup() as workers:  # noqa: S113
            for _ in range(min(self._endpoint.concurrency, len(todo))):
                workers.create_task(work(client, batches))

    def _hits(self, reply: Reply, limit: int) -> Hits | None:
        if isinstance(reply, (int, str)):
            self.failures[self._caller.refusal(reply).reason if isinstance(reply, int) else reply] += 1
            return None
        self.asked += 1
        return hits(reply, limit, self.dropped)
