from __future__ import annotations

import asyncio

import pytest

from service.live_bundle import Live, LoadedBundle


def bundle(name: str, closed: list[str]) -> LoadedBundle:
    return LoadedBundle(name, None, None, None, lambda: closed.append(name))


def test_a_swapped_bundle_is_closed_when_its_last_lease_is_released() -> None:
    closed: list[str] = []
    live = Live(bundle("a", closed))
    first, second = live.lease(), live.lease()
    live.swap(bundle("b", closed))
    first.release()
    assert closed == []
    second.release()
    assert closed == ["a"]


def test_an_unused_bundle_is_closed_by_the_swap() -> None:
    closed: list[str] = []
    live = Live(bundle("a", closed))
    with live.leased() as used:
        assert used.name == "a"
    live.swap(bundle("b", closed))
    assert closed == ["a"] and live.bundle.name == "b"


def test_releasing_a_lease_twice_counts_once() -> None:
    closed: list[str] = []
    live = Live(bundle("a", closed))
    first, _ = live.lease(), live.lease()
    first.release()
    first.release()
    live.swap(bundle("b", closed))
    assert closed == []


def test_a_bundle_that_is_still_open_is_not_swapped_in_twice() -> None:
    live = Live(bundle("a", []))
    live.lease()
    live.swap(bundle("b", []))
    with pytest.raises(ValueError, match="still open"):
        live.swap(bundle("a", []))


def test_a_bundle_that_requests_still_use_can_become_live_again() -> None:
    closed: list[str] = []
    live = Live(bundle("a", closed))
    lease = live.lease()
    live.swap(bundle("b", closed))
    assert live.reuse("a") and live.bundle.name == "a"
    lease.release()
    assert closed == ["b"]


def test_a_closed_bundle_cannot_become_live_again() -> None:
    live = Live(bundle("a", []))
    live.swap(bundle("b", []))
    assert not live.reuse("a")
    assert live.bundle.name == "b"


def test_closing_frees_bundles_that_are_still_used_once() -> None:
    closed: list[str] = []
    live = Live(bundle("a", closed))
    lease = live.lease()
    live.swap(bundle("b", closed))
    live.close()
    lease.release()
    assert sorted(closed) == ["a", "b"]


async def test_only_the_live_bundle_is_open_once_no_request_uses_the_old_one() -> None:
    live = Live(bundle("a", []))
    lease = live.lease()
    live.swap(bundle("b", []))
    waiting = asyncio.create_task(live.no_older_open())
    await asyncio.sleep(0)
    assert not waiting.done()
    lease.release()
    await waiting
