from __future__ import annotations

import asyncio

from service.bundles.watch import watch
from store.bundle import CURRENT, write_atomically


class Changes:
    """Collects the names that the watch reports, so that a test can wait for them."""

    def __init__(self) -> None:
        self.names: asyncio.Queue[str] = asyncio.Queue()

    async def __call__(self, name: str) -> None:
        await self.names.put(name)


async def next_name(changes: Changes) -> str:
    return await asyncio.wait_for(changes.names.get(), 30)


async def test_the_file_is_reported_at_the_start_and_whenever_it_is_written(tmp_path) -> None:
    changes = Changes()
    write_atomically(tmp_path / CURRENT, b"first\n")
    watching = asyncio.create_task(watch(tmp_path, 0.001, changes))
    assert await next_name(changes) == "first"
    write_atomically(tmp_path / CURRENT, b"second\n")
    assert await next_name(changes) == "second"
    write_atomically(tmp_path / CURRENT, b"second\n")  # a retry
    assert await next_name(changes) == "second"
    watching.cancel()


async def test_a_missing_file_changes_nothing(tmp_path) -> None:
    changes = Changes()
    watching = asyncio.create_task(watch(tmp_path, 0.001, changes))
    write_atomically(tmp_path / CURRENT, b"first\n")
    assert await next_name(changes) == "first"
    (tmp_path / CURRENT).unlink()
    write_atomically(tmp_path / CURRENT, b"third\n")
    assert await next_name(changes) == "third"
    assert changes.names.empty()
    watching.cancel()
