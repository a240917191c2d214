"""Threads of one part of the cascade: a part that hangs keeps its own threads busy and nobody else's."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import Any

_WAITING = 16  # calls a thread that may wait; beyond them a part is too busy to be of use


class Busy(RuntimeError):
    """All threads of a part are taken and enough calls wait: the answer goes on without it."""


class Bulkhead(ThreadPoolExecutor):
    """A few threads for native calls, which nothing can cancel; a full one refuses at once."""

    def __init__(self, name: str, threads: int) -> None:
        super().__init__(threads, name)
        self.name = name
        self._free = BoundedSemaphore(threads * (1 + _WAITING))

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run `call` on a thread. Raises Busy."""
        if not self._free.acquire(blocking=False):
            raise Busy(f"{self.name} has no thread free")
        try:
            future = super().submit(call, *args, **kwargs)
        except BaseException:
            self._free.release()
            raise
        future.add_done_callback(lambda _: self._free.release())
        return future
