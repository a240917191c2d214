"""Tables on a server, behind Sentinel and in a cluster: the same rows, with the bundle's own as fallback."""

from __future__ import annotations

from pathlib import Path

from redis_servers import one_server

from store.redis.guarded_call import Outcome
from store.redis.table_with_fallback import FallbackReason, RedisTable
from store.tables import key_prefix
from tests.store.redis.opened_table import BUNDLE, ROWS, Open, push


async def test_rows_are_returned_in_the_order_of_the_keys(open_table: Open, url: str) -> None:
    opened = open_table(url)
    assert await opened.get(*ROWS) == list(ROWS.values())
    assert set(opened.outcomes) == {Outcome.ANSWERED}
    assert opened.fallbacks == []


async def test_a_written_row_is_readable_until_it_expires(open_table: Open, url: str) -> None:
    opened = open_table(url)
    await opened.get(7)  # makes a cluster client discover the nodes
    key = key_prefix(BUNDLE, "written") + url.encode()
    await opened.rows.write(key, b"row", 60.0)
    assert await opened.rows.read([key]) == [b"row"]
    await opened.rows.write(key, b"row", 0.001)
    while await opened.rows.read([key]) != [None]:
        pass


async def test_a_missing_key_gives_none_and_is_not_a_fallback(open_table: Open, url: str) -> None:
    opened = open_table(url)
    assert await opened.get(7, 8, 7) == [b"seven", None, b"seven"]
    assert opened.fallbacks == []


async def test_no_keys_give_no_rows_and_make_no_call(open_table: Open, url: str) -> None:
    opened = open_table(url)
    assert await opened.get() == []
    assert opened.outcomes == []


async def test_a_row_that_only_redis_has_is_returned(open_table: Open, url: str) -> None:
    push(url, {9: b"renewed"})
    assert await open_table(url).get(9) == [b"renewed"]


async def test_a_bundle_that_was_not_pushed_is_read_from_its_own_file(open_table: Open, tmp_path: Path) -> None:
    with one_server(tmp_path / "empty") as empty:
        opened = open_table(empty.url)
        assert await opened.get(7, 8) == [b"seven", None]
    assert opened.fallbacks == [FallbackReason.NOT_HELD]


async def test_a_malformed_row_is_read_from_the_bundle(open_table: Open, url: str) -> None:
    push(url, {7: b"seve", 1000: b"\0", 1001: b"\xff" * 80})
    opened = open_table(url)
    opened.table = RedisTable(
        opened.rows, BUNDLE, opened.own, opened.fallbacks.append, lambda key, row: row in ROWS.values()
    )
    try:
        assert await opened.get(7, 1000, 8, 1001, 256) == [b"seven", b"1000", None, b"1001", ROWS[256]]
    finally:
        push(url)
    assert opened.fallbacks == [FallbackReason.MALFORMED]


async def test_without_is_row_rows_must_equal_the_bundles_own(open_table: Open, url: str) -> None:
    push(url, {7: b"other"})
    opened = open_table(url)
    opened.table = RedisTable(opened.rows, BUNDLE, opened.own, opened.fallbacks.append)
    try:
        assert await opened.get(7, 256) == [b"seven", ROWS[256]]
    finally:
        push(url)
    assert opened.fallbacks == [FallbackReason.MALFORMED]
