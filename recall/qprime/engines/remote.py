"""A search engine behind HTTP: answers are stored, and failed queries are counted and return None."""

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
    """Queries one provider; the store of answers is also the checkpoint of a run.

    Not thread-safe, and not for use inside an event loop. Counts add up over all searches;
    a query that is repeated within a search counts once.
    """

    def __init__(self, provider: Provider, endpoint: SearchEndpoint, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since 1970: it sets the time of answers and when the daily budget resets."""
        self.asked = 0  # queries answered by the provider
        self.from_store = 0  # queries answered from the store
        self.failures: Counter[str] = Counter()  # failed queries, by reason
        self.dropped: Counter[str] = Counter()  # dropped hits of new answers, by reason
        self._provider, self._endpoint, self._clock = provider, endpoint, clock
        self._caller = Caller(provider, endpoint)

    @property
    def calls(self) -> int:
        """Return the number of HTTP requests, including retries."""
        return self._caller.calls

    @property
    def retried(self) -> Counter[str]:
        """Return the number of retried calls, by reason."""
        return self._caller.retried

    def search(self, queries: Sequence[str], limit: int) -> list[Hits | None]:
        """Return at most `limit` hits per query, none for a query without words, None for a failed query.

        Raises SettingsError if the store cannot be opened.
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
        """Add the provider's answers to `found`, and store each at once."""

        async def work(client: httpx.AsyncClient, todo: Iterator[list[str]]) -> None:
            for texts in todo:  # the workers share one iterator, so each query is sent once
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
        # No redirects: they would send the key elsewhere. The caller sets a timeout for the whole attempt.
        async with httpx.AsyncClient(timeout=None, follow_redirects=False) as client, asyncio.TaskGroup() as workers:  # noqa: S113
            for _ in range(min(self._endpoint.concurrency, len(todo))):
                workers.create_task(work(client, batches))

    def _hits(self, reply: Reply, limit: int) -> Hits | None:
        if isinstance(reply, (int, str)):
            self.failures[self._caller.refusal(reply).reason if isinstance(reply, int) else reply] += 1
            return None
        self.asked += 1
        return hits(reply, limit, self.dropped)
