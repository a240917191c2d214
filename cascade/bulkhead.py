"""Threads of one part of the cascade: a part that hangs keeps its own threads busy and nobody else's."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import Any

_WAITING = 16  # beyond so many a part is too busy to be of use


class Busy(RuntimeError):
    """All threads of a part are taken and enough calls wait: the answer goes on without it."""


class Bulkhead(ThreadPoolExecutor):
    """A few threads for native calls, which nothing can cancel; a full one refuses at once.

    A call that nobody waits for any more keeps its place until a thread passes over it: threads that hang would
    otherwise gather such calls without end, and each new one would wait in vain.
    """

    def __init__(self, name: str, threads: int, waiting: int = _WAITING) -> None:
        """Start `threads` and let `waiting` calls a thread wait."""
        super().__init__(threads, name)
        self.name = name
        self._free = BoundedSemaphore(threads * (1 + waiting))

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run `call` on a thread. Raises Busy."""
        if not self._free.acquire(blocking=False):
            raise Busy(f"{self.name} has no thread free")
        wanted: Future[Any] = Future()  # the caller may cancel it; the executor's own says when the place is free

        def left(place: Future[None]) -> None:
            self._free.release()
            if place.cancelled():
                wanted.cancel()

        try:
            place = super().submit(_run, wanted, call, args, kwargs)
        except BaseException:
            self._free.release()
            raise
        place.add_done_callback(left)
        return wanted


def _run(wanted: Future[Any], call: Callable[..., Any], args: Any, kwargs: Any) -> None:
    if not wanted.set_running_or_notify_cancel():
        return
    try:
        result = call(*args, **kwargs)
    except BaseException as error:
        wanted.set_exception(error)
    else:
        wanted.set_result(result)
