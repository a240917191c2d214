from __future__ import annotations

import asyncio

from service.bundles.watch import watch
from store.bundle import CURRENT, write_atomically


class Told:
    """Notes what the watch tells, and lets a test wait for it."""

    def __init__(self) -> None:
        self.names: asyncio.Queue[str] = asyncio.Queue()

    async def __call__(self, name: str) -> None:
        await self.names.put(name)


async def next_name(told: Told) -> str:
    return await asyncio.wait_for(told.names.get(), 30)


async def test_the_file_is_told_at_once_and_when_it_is_written_again(tmp_path) -> None:
    told = Told()
    write_atomically(tmp_path / CURRENT, b"first\n")
    watching = asyncio.create_task(watch(tmp_path, 0.001, told))
    assert await next_name(told) == "first"
    write_atomically(tmp_path / CURRENT, b"second\n")
    assert await next_name(told) == "second"
    write_atomically(tmp_path / CURRENT, b"second\n")  # the wish to try again
    assert await next_name(told) == "second"
    watching.cancel()


async def test_a_file_that_is_gone_changes_nothing(tmp_path) -> None:
    told = Told()
    watching = asyncio.create_task(watch(tmp_path, 0.001, told))
    write_atomically(tmp_path / CURRENT, b"first\n")
    assert await next_name(told) == "first"
    (tmp_path / CURRENT).unlink()
    write_atomically(tmp_path / CURRENT, b"third\n")
    assert await next_name(told) == "third"
    assert told.names.empty()
    watching.cancel()
