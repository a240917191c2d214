"""Both stores of unknown pages keep the rules, and survive what others wrote in their place."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from redis import Redis

from contracts.unknown_pages import FOX, MOST, UnknownPagesContract
from store.unknown_pages import RedisUnknownPages, SqliteUnknownPages, UnknownPages


@pytest.fixture(params=["sqlite", "redis"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], UnknownPages]:
    """Opens an empty store; each call gives another handle of it."""
    if request.param == "sqlite":
        return lambda: SqliteUnknownPages(tmp_path / "unknown.sqlite", MOST)
    client: Redis = Redis(unix_socket_path=request.getfixturevalue("redis_socket"))
    client.delete("onward:unknown")
    request.addfinalizer(client.close)
    return lambda: RedisUnknownPages(lambda: client, MOST)


def test_a_page_is_queued_with_the_fields_that_were_sent(pages: UnknownPages) -> None:
    pages.add({2**64 - 1: FOX, 0: OWL})
    assert pages.waiting() == {2**64 - 1: FOX, 0: OWL}


def test_a_page_is_queued_once_with_its_first_fields(pages: UnknownPages) -> None:
    pages.add({1: FOX})
    pages.add({1: OWL})
    assert pages.waiting() == {1: FOX}


def test_the_most_complete_fields_win_in_any_order(pages: UnknownPages) -> None:
    pages.add({1: OWL, 2: FOX._replace(snippet="")})
    pages.add({1: FOX, 2: FOX})
    pages.add({1: OWL, 2: FOX._replace(title="Hare", language="")})
    assert pages.waiting() == {1: FOX, 2: FOX}


def test_completing_a_queued_page_needs_no_free_slot(pages: UnknownPages) -> None:
    pages.add(dict.fromkeys(range(3), OWL))
    assert pages.add({0: FOX, 1: FOX, 9: FOX}) == 1
    assert pages.waiting() == {0: FOX, 1: FOX, 2: OWL}


def test_entries_of_other_programs_are_ignored(pages: UnknownPages) -> None:
    pages.add({1: FOX})
    rows = [
        (b"eight by", b"no JSON"),
        (b"eight bz", b"[1, 2, 3, 4]"),
        (b"short", b"{}"),
        (b"eight bx", b'["a","b","c","d","e"]'),
        (b"eight bw", b'"abc"'),
        (b"eight bv", b'{"https://a.example/": 1}'),
    ]
    if isinstance(pages, SqliteUnknownPages):
        with closing(sqlite3.connect(pages._path)) as file, file:
            file.executemany("INSERT INTO pages VALUES (?, ?)", rows)
    else:
        for key, row in rows:
            pages._connected().hset("onward:unknown", key, row)
    assert pages.waiting() == {1: FOX}


def test_pages_beyond_the_limit_are_dropped(pages: UnknownPages) -> None:
    assert pages.add(dict.fromkeys(range(5), FOX)) == 2
    assert pages.add({9: FOX}) == 1
    assert sorted(pages.waiting()) == [0, 1, 2]


def test_removing_pages_makes_room(pages: UnknownPages) -> None:
    pages.add(dict.fromkeys(range(3), FOX))
    pages.remove([0, 1, 77])
    pages.add({9: OWL})
    assert pages.waiting() == {2: FOX, 9: OWL}


def test_without_a_file_the_queue_is_empty(tmp_path: Path) -> None:
    assert SqliteUnknownPages(tmp_path / "unknown.sqlite").waiting() == {}
    assert not (tmp_path / "unknown.sqlite").exists()


def test_a_file_that_is_not_a_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "unknown.sqlite"
    path.write_bytes(b"garbage" * 1000)
    with pytest.raises(
        sqlite3.DatabaseError, match=r"unknown\.sqlite: file is not a database: repair it or move it away"
    ):
        SqliteUnknownPages(path).waiting()
