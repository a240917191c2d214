from __future__ import annotations

import asyncio
import threading

import pytest

from cascade.bulkhead import Bulkhead, Busy


async def test_a_full_bulkhead_refuses_at_once_and_takes_calls_again_when_it_is_free() -> None:
    go = threading.Event()
    loop = asyncio.get_running_loop()
    with Bulkhead("slow", 1) as threads:
        calls = [loop.run_in_executor(threads, go.wait) for _ in range(17)]
        with pytest.raises(Busy, match="slow"):
            loop.run_in_executor(threads, go.wait)
        go.set()
        await asyncio.gather(*calls)
        assert await loop.run_in_executor(threads, lambda: "done") == "done"


async def test_a_call_that_nobody_waits_for_any_more_is_passed_over_when_a_thread_is_free() -> None:
    go, ran = threading.Event(), []
    loop = asyncio.get_running_loop()
    with Bulkhead("slow", 1) as threads:
        running = loop.run_in_executor(threads, go.wait)
        for _ in range(16):
            loop.run_in_executor(threads, ran.append, 1).cancel()
        await asyncio.sleep(0)
        go.set()
        await running
        await loop.run_in_executor(threads, ran.append, 2)
    assert ran == [2]


async def test_threads_that_hang_hold_few_calls_and_all_others_are_refused() -> None:
    go, refused = threading.Event(), 0
    loop = asyncio.get_running_loop()
    with Bulkhead("hung", 2) as threads:
        for _ in range(2_000):
            try:
                loop.run_in_executor(threads, go.wait).cancel()
                await asyncio.sleep(0)
            except Busy:
                refused += 1
        held = threads._work_queue.qsize()
        go.set()
    assert held <= 2 * 16
    assert refused >= 2_000 - 2 * 17


async def test_a_part_may_have_a_short_queue() -> None:
    go = threading.Event()
    loop = asyncio.get_running_loop()
    with Bulkhead("short", 2, waiting=1) as threads:
        calls = [loop.run_in_executor(threads, go.wait, 10) for _ in range(4)]
        with pytest.raises(Busy):
            loop.run_in_executor(threads, go.wait, 10)
        go.set()
        await asyncio.gather(*calls)


async def test_a_call_that_fails_frees_its_place() -> None:
    loop = asyncio.get_running_loop()
    with Bulkhead("failing", 1) as threads:
        for _ in range(100):
            with pytest.raises(ZeroDivisionError):
                await loop.run_in_executor(threads, divmod, 1, 0)


def test_what_waits_at_the_end_is_cancelled() -> None:
    go = threading.Event()
    threads = Bulkhead("ending", 1)
    running, waiting = threads.submit(go.wait), threads.submit(go.wait)
    threads.shutdown(wait=False, cancel_futures=True)
    assert waiting.cancelled()
    go.set()
    assert running.result()
