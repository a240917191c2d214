"""Thread pools with bounded queues, one per part of the cascade: a part that hangs blocks only its own threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import Any

_WAITING = 16  # queued calls per thread; a longer queue would be served too late


class Busy(RuntimeError):
    """A part's threads and queue are full; the request continues without it."""


class Bulkhead(ThreadPoolExecutor):
    """A small thread pool with a bounded queue, for native calls, which cannot be cancelled; rejects calls when full.

    A cancelled call keeps its slot until a thread reaches it. Otherwise threads that hang would collect cancelled
    calls without limit, and each new call would wait in vain.
    """

    def __init__(self, name: str, threads: int, waiting: int = _WAITING) -> None:
        """Create a pool of `threads` that queues at most `waiting` calls per thread."""
        super().__init__(threads, name)
        self.name = name
        self._free = BoundedSemaphore(threads * (1 + waiting))

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run `call` on a thread. Raises Busy when the queue is full."""
        if not self._free.acquire(blocking=False):
            raise Busy(f"{self.name} has no free thread")
        future: Future[Any] = Future()  # the caller may cancel this one; the executor's own is `slot`

        def release(slot: Future[None]) -> None:
            self._free.release()
            if slot.cancelled():
                future.cancel()

        try:
            slot = super().submit(_run, future, call, args, kwargs)
        except BaseException:
            self._free.release()
            raise
        slot.add_done_callback(release)
        return future


def _run(future: Future[Any], call: Callable[..., Any], args: Any, kwargs: Any) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call(*args, **kwargs)
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
