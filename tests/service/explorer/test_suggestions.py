from __future__ import annotations

import asyncio
import threading

import pytest

from service.explorer.page_index import PageIndex
from service.explorer.suggestions import Suggestions


@pytest.fixture
async def small(make):
    made = make()
    yield made
    await made.gateway.close()


async def test_pages_are_suggested_by_what_is_typed(small) -> None:
    found = await Suggestions(small.gateway.live).find("page 11")
    assert [page.title for page in found] == ["Page 11"]


async def test_the_index_is_built_once_for_many_callers(small, monkeypatch) -> None:
    built = []
    batches = small.gateway.live.bundle.addresses.batches
    monkeypatch.setattr(type(small.gateway.live.bundle.addresses), "batches", lambda self: built.append(1) or batches())
    suggestions = Suggestions(small.gateway.live)
    await asyncio.gather(*(suggestions.find("page") for _ in range(5)))
    assert built == [1]


async def test_a_caller_that_leaves_does_not_stop_the_build(small) -> None:
    suggestions = Suggestions(small.gateway.live)
    leaving = asyncio.create_task(suggestions.find("page"))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    assert len(await suggestions.find("page")) == 8


async def test_no_thread_is_left_that_would_hold_up_the_shutdown(small) -> None:
    await Suggestions(small.gateway.live).find("page 11")
    own = [thread for thread in threading.enumerate() if thread.name.startswith("suggestions")]
    for thread in own:
        await asyncio.to_thread(thread.join, 5)
    assert not [thread.name for thread in own if thread.is_alive()]


async def test_callers_that_leave_share_one_thread(small, monkeypatch) -> None:
    suggestions, go = Suggestions(small.gateway.live), threading.Event()
    await suggestions.find("page")
    monkeypatch.setattr(PageIndex, "find", lambda *_: go.wait(10) and [])
    leaving = [asyncio.create_task(suggestions.find("page")) for _ in range(50)]
    for _ in range(3):  # each asks, waits, and leaves
        for caller in leaving:
            caller.cancel()
        leaving += [asyncio.create_task(suggestions.find("page")) for _ in range(5)]
        for _ in range(20):
            await asyncio.sleep(0)
    working = [thread for thread in threading.enumerate() if thread.name.startswith("suggestions")]
    go.set()
    await asyncio.gather(*leaving, return_exceptions=True)
    assert len(working) == 1
