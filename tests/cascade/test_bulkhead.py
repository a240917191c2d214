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


async def test_a_call_that_nobody_waits_for_any_more_frees_its_place_without_running() -> None:
    go, ran = threading.Event(), []
    loop = asyncio.get_running_loop()
    with Bulkhead("slow", 1) as threads:
        running = loop.run_in_executor(threads, go.wait)
        for _ in range(100):
            waiting = loop.run_in_executor(threads, ran.append, 1)
            waiting.cancel()
            await asyncio.sleep(0)
        go.set()
        await running
    assert ran == []
