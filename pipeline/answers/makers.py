"""Makes answers in as many processes as cores: half of a page's work is Python's, which uses one core per process."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from configs import threads
from pipeline.answers.cascade import open_unhurried
from ranking.assembly import Choices
from ranking.make_answers import Made, make, warm_up

_CHUNK = 32  # pages per call of a process
_AHEAD = 2  # chunks per process that wait
_FEW = 300  # pages that take no longer than the start of a process

#: Yields what became of each page, in order.
Maker = Callable[[Sequence[int]], Iterator[Made]]


@contextmanager
def open_makers(directory: Path, tokens_per_page: int, most_pages: int) -> Iterator[Maker]:
    """Give the function that makes answers with the bundle in a directory; for a few pages without other processes."""
    count = threads.used()
    with ExitStack() as stack:
        if count == 1 or most_pages <= _FEW:
            one = stack.enter_context(_opened(directory, tokens_per_page))
            yield lambda pages: (made for chunk in _chunks(pages) for made in one(chunk))
            return
        pool = ProcessPoolExecutor(
            count, multiprocessing.get_context("spawn"), initializer=_start, initargs=(directory, tokens_per_page)
        )
        stack.callback(pool.shutdown, cancel_futures=True)
        yield lambda pages: _in_order(pool, pages, _AHEAD * count)


def _in_order(pool: ProcessPoolExecutor, pages: Sequence[int], ahead: int) -> Iterator[Made]:
    waiting: deque[Future[list[Made]]] = deque()
    for chunk in _chunks(pages):
        waiting.append(pool.submit(_make, chunk))
        if len(waiting) > ahead:
            yield from waiting.popleft().result()
    while waiting:
        yield from waiting.popleft().result()


def _chunks(pages: Sequence[int]) -> Iterator[Sequence[int]]:
    return (pages[first : first + _CHUNK] for first in range(0, len(pages), _CHUNK))


_Chunk = Callable[[Sequence[int]], list[Made]]


@contextmanager
def _opened(directory: Path, tokens_per_page: int) -> Iterator[_Chunk]:
    with open_unhurried(directory, tokens_per_page, Choices()) as (cascade, at_once), asyncio.Runner() as runner:
        warm = False

        async def chunk(pages: Sequence[int]) -> list[Made]:
            nonlocal warm
            if not warm:
                await warm_up(cascade, pages[0])
                warm = True
            return [made async for made in make(cascade, pages, at_once)]

        yield lambda pages: runner.run(chunk(pages))


# What follows runs in the processes of the pool.

_of_process = ExitStack()
_make_here: _Chunk


def _start(directory: Path, tokens_per_page: int) -> None:
    global _make_here
    threading.Thread(target=_end_with_parent, daemon=True).start()
    threads.use(1)
    _make_here = _of_process.enter_context(_opened(directory, tokens_per_page))


def _end_with_parent() -> None:
    """End this process when the one that makes the table is killed: it would wait for pages forever."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101 -- this process was spawned
    parent.join()
    os._exit(1)


def _make(pages: Sequence[int]) -> list[Made]:
    return _make_here(pages)
