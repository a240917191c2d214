"""The client for code without asyncio: the asynchronous one, on a thread of its own.

One code base has the deadlines, retries and cancellations; a call costs two switches of threads more.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import CancelledError
from functools import partial
from typing import Any, Self, TypeVar, Unpack
from weakref import WeakSet

from onward_client.asynchronous import AsyncOnward
from onward_client.errors import OnwardError
from onward_client.models import Answer, Event, EventResult
from onward_client.options import CallOptions, Options, RecommendOptions, Request
from onward_client.transport import closed

T = TypeVar("T")


_CLIENTS: WeakSet[Onward] = WeakSet()


class Onward:
    """`AsyncOnward` for threads: any number of them may share one. A forked process makes connections of its own."""

    def __init__(self, url: str | None = None, **options: Unpack[Options]) -> None:
        self._make = partial(AsyncOnward, url, **options)
        self._starting = threading.Lock()
        self._client = self._make()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = os.getpid()
        _CLIENTS.add(self)

    def recommend(self, url1: str, **options: Unpack[RecommendOptions]) -> Answer:
        """Return at most k pages worth reading after `url1`. Raises OnwardError."""
        return self._run(lambda client: client.recommend(url1, **options))

    def explain(self, url1: str, **options: Unpack[RecommendOptions]) -> Answer:
        """Return the same, computed anew, with what happened at every stage. Raises OnwardError."""
        return self._run(lambda client: client.explain(url1, **options))

    def batch(self, requests: Sequence[Request], **options: Unpack[CallOptions]) -> list[Answer | OnwardError]:
        """Return the answer or the error of each request, in order. Raises OnwardError where all failed at once."""
        return self._run(lambda client: client.batch(requests, **options))

    def record(self, events: Sequence[Event], **options: Unpack[CallOptions]) -> list[EventResult]:
        """Send what readers saw and did; accepted events are on the gateway's disk. Raises OnwardError."""
        return self._run(lambda client: client.record(events, **options))

    def open(self) -> None:
        """Connect, or open the bundle, unless that was done; the first call does it too."""
        self._run(lambda client: client.open())

    def close(self) -> None:
        """Close the connections or the bundle, and end the thread; a later call opens them again."""
        with self._starting:
            loop, self._loop = self._loop, None
            if loop is None or self._process != os.getpid():
                return
            asyncio.run_coroutine_threadsafe(self._client.close(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _started(self) -> tuple[AsyncOnward, asyncio.AbstractEventLoop]:
        """Return the client and its loop, which runs in this process; for who holds the lock."""
        if self._loop is None or self._process != os.getpid():
            self._client, self._process = self._make(), os.getpid()
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=_run_loop, args=(self._loop,), name="onward-client", daemon=True)
            self._thread.start()
        return self._client, self._loop

    def _run(self, call: Callable[[AsyncOnward], Coroutine[Any, Any, T]]) -> T:
        with self._starting:  # so that no call begins on a loop that `close` ends
            client, loop = self._started()
            future = asyncio.run_coroutine_threadsafe(call(client), loop)
        try:
            return future.result()
        except CancelledError:
            raise closed() from None
        except BaseException:  # such as KeyboardInterrupt: nobody waits for the answer any more
            future.cancel()
            raise


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    loop.run_until_complete(_end_calls())
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


async def _end_calls() -> None:
    """Cancel the calls of other threads, which would wait for ever."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


def _renew_locks() -> None:
    """In a forked process: the thread that held a lock at that moment is not there to release it."""
    for client in _CLIENTS:
        client._starting = threading.Lock()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_renew_locks)
