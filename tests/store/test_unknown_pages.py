from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis

from store.unknown_pages import RedisUnknownPages, SqliteUnknownPages, UnknownPage, UnknownPages

FOX, OWL = UnknownPage("https://a.example/fox", "Fox", "red", "en"), UnknownPage("https://a.example/owl")


@pytest.fixture(params=["sqlite", "redis"])
def pages(request: pytest.FixtureRequest, tmp_path: Path) -> UnknownPages:
    if request.param == "sqlite":
        return SqliteUnknownPages(tmp_path / "unknown.sqlite", most=3)
    client: Redis = Redis(unix_socket_path=request.getfixturevalue("redis_socket"))
    client.delete("onward:unknown")
    request.addfinalizer(client.close)
    return RedisUnknownPages(lambda: client, most=3)


def test_a_page_waits_with_the_words_that_were_sent(pages: UnknownPages) -> None:
    pages.add({2**64 - 1: FOX, 0: OWL})
    assert pages.waiting() == {2**64 - 1: FOX, 0: OWL}


def test_a_page_waits_once_as_it_came_first(pages: UnknownPages) -> None:
    pages.add({1: FOX})
    pages.add({1: OWL})
    assert pages.waiting() == {1: FOX}


def test_what_has_no_room_does_not_wait(pages: UnknownPages) -> None:
    pages.add(dict.fromkeys(range(5), FOX))
    pages.add({9: FOX})
    assert sorted(pages.waiting()) == [0, 1, 2]


def test_what_is_taken_makes_room(pages: UnknownPages) -> None:
    pages.add(dict.fromkeys(range(3), FOX))
    pages.remove([0, 1, 77])
    pages.add({9: OWL})
    assert pages.waiting() == {2: FOX, 9: OWL}


def test_nothing_waits_where_no_file_is(tmp_path: Path) -> None:
    assert SqliteUnknownPages(tmp_path / "unknown.sqlite").waiting() == {}
    assert not (tmp_path / "unknown.sqlite").exists()
