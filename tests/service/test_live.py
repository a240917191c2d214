from __future__ import annotations

import pytest

from service.live import Live, LoadedBundle


def bundle(name: str, closed: list[str]) -> LoadedBundle:
    return LoadedBundle(name, None, None, frozenset(), lambda: closed.append(name))


def test_a_swapped_bundle_is_closed_when_its_last_lease_is_released() -> None:
    closed: list[str] = []
    live = Live(bundle("a", closed))
    first, second = live.lease(), live.lease()
    live.swap(bundle("b", closed))
    first.release()
    assert closed == []
    second.release()
    assert closed == ["a"]


def test_a_bundle_that_nobody_uses_is_closed_by_the_swap() -> None:
    closed: list[str] = []
    live = Live(bundle("a", closed))
    with live.leased() as used:
        assert used.name == "a"
    live.swap(bundle("b", closed))
    assert closed == ["a"] and live.bundle.name == "b"


def test_a_lease_is_released_once() -> None:
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
