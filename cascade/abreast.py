"""Many answers at a time, with none waiting for a caller: for the build, and for files of URLs."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")
Item = TypeVar("Item")


async def abreast(
    items: Iterable[Item], work: Callable[[Item], Coroutine[Any, Any, T]], at_once: int
) -> AsyncIterator[T]:
    """Yield `work` of each item, in order; at most `at_once` run at a time. `items` are drawn as they are needed."""
    running: deque[asyncio.Task[T]] = deque()
    try:
        for item in items:
            running.append(asyncio.create_task(work(item)))
            if len(running) >= at_once:
                yield await running.popleft()
        while running:
            yield await running.popleft()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
