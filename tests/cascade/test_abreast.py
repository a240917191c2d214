from __future__ import annotations

import asyncio

import pytest

from cascade.abreast import abreast


async def test_results_come_in_the_order_of_the_items() -> None:
    async def work(item: int) -> int:
        for _ in range(10 - item):
            await asyncio.sleep(0)
        return item

    assert [result async for result in abreast(range(10), work, 4)] == list(range(10))


async def test_no_more_than_so_many_run_at_a_time() -> None:
    running, most = 0, 0

    async def work(item: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    async for _ in abreast(range(20), work, 3):
        pass
    assert most == 3


async def test_an_error_ends_the_others() -> None:
    cancelled = asyncio.Event()

    async def work(item: int) -> None:
        if item == 0:
            raise ValueError("broken")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with pytest.raises(ValueError, match="broken"):
        async for _ in abreast(range(3), work, 3):
            pass
    assert cancelled.is_set()
