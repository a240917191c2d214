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


@pytest.fixture
def pages(opened: Callable[[], UnknownPages]) -> UnknownPages:
    return opened()


class TestUnknownPages(UnknownPagesContract):
    @pytest.fixture
    def pages(self, opened: Callable[[], UnknownPages]) -> UnknownPages:
        return opened()

    @pytest.fixture
    def reopened(self, pages: UnknownPages, opened: Callable[[], UnknownPages]) -> UnknownPages:
        return opened()


def test_rows_of_another_format_are_ignored(pages: UnknownPages) -> None:
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


def test_nothing_waits_where_no_file_is(tmp_path: Path) -> None:
    assert SqliteUnknownPages(tmp_path / "unknown.sqlite").waiting() == {}
    assert not (tmp_path / "unknown.sqlite").exists()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "unknown.sqlite"
    path.write_bytes(b"garbage" * 1000)
    with pytest.raises(
        sqlite3.DatabaseError, match=r"unknown\.sqlite: file is not a database: repair it or move it away"
    ):
        SqliteUnknownPages(path).waiting()
