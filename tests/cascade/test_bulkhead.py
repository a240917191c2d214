from __future__ import annotations

import asyncio
import threading

import pytest

from cascade.bulkhead import Bulkhead, Busy


async def test_a_full_bulkhead_rejects_calls_immediately_and_accepts_them_again_when_free() -> None:
    go = threading.Event()
    loop = asyncio.get_running_loop()
    with Bulkhead("slow", 1) as threads:
        calls = [loop.run_in_executor(threads, go.wait) for _ in range(17)]
        with pytest.raises(Busy, match="slow"):
            loop.run_in_executor(threads, go.wait)
        go.set()
        await asyncio.gather(*calls)
        assert await loop.run_in_executor(threads, lambda: "done") == "done"


async def test_a_cancelled_call_is_skipped_when_a_thread_becomes_free() -> None:
    go, ran = threading.Event(), []
    loop = asyncio.get_running_loop()
    with Bulkhead("slow", 1) as threads:
        running = loop.run_in_executor(threads, go.wait)
        for _ in range(15):
            loop.run_in_executor(threads, ran.append, 1).cancel()
        await asyncio.sleep(0)
        go.set()
        await running
        await loop.run_in_executor(threads, ran.append, 2)
    assert ran == [2]


async def test_hanging_threads_queue_few_calls_and_all_others_are_rejected() -> None:
    go, rejected = threading.Event(), 0
    loop = asyncio.get_running_loop()
    with Bulkhead("hung", 2) as threads:
        for _ in range(2_000):
            try:
                loop.run_in_executor(threads, go.wait).cancel()
                await asyncio.sleep(0)
            except Busy:
                rejected += 1
        held = threads._work_queue.qsize()
        go.set()
    assert held <= 2 * 16
    assert rejected >= 2_000 - 2 * 17


async def test_the_queue_length_can_be_set() -> None:
    go = threading.Event()
    loop = asyncio.get_running_loop()
    with Bulkhead("short", 2, waiting=1) as threads:
        calls = [loop.run_in_executor(threads, go.wait, 10) for _ in range(4)]
        with pytest.raises(Busy):
            loop.run_in_executor(threads, go.wait, 10)
        go.set()
        await asyncio.gather(*calls)


async def test_a_failed_call_frees_its_slot() -> None:
    loop = asyncio.get_running_loop()
    with Bulkhead("failing", 1) as threads:
        for _ in range(100):
            with pytest.raises(ZeroDivisionError):
                await loop.run_in_executor(threads, divmod, 1, 0)


def test_queued_calls_are_cancelled_at_shutdown() -> None:
    go = threading.Event()
    threads = Bulkhead("ending", 1)
    running, waiting = threads.submit(go.wait), threads.submit(go.wait)
    threads.shutdown(wait=False, cancel_futures=True)
    assert waiting.cancelled()
    go.set()
    assert running.result()
