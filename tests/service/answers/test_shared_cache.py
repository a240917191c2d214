from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from redis_servers import RedisServer, one_server

from cascade.trace import Trace
from cascade.types import Candidates, Query
from configs.reading import SettingsError
from contracts.side_effect import SideEffectContract
from corpus.urls.url import page_id
from service.answers.ranked_list import RankedList, compact, to_json
from service.answers.request import Request
from service.answers.shared_cache import SharedCache
from service.bootstrap import load
from service.bundles.redis_tables import open_rows
from service.metrics import Metrics
from service.settings import Settings, read_settings
from store.redis.rows import RedisRows

URL1 = "https://site0.example/page/0"
HOSTS = [f"site{number}.example" for number in range(40)]
ROWS = compact(
    Candidates(
        np.array([2**64 - 1, 7], np.uint64),
        {
            "score": np.array([1.5, -0.1], np.float32),
            "click": np.array([np.nan, 1e-30], np.float32),
            "rank_cf": np.array([3, 65_535], np.uint16),
        },
    )
)
LIST = RankedList(URL1, "20250101T000000Z-0123abcd", ROWS, cut=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with one_server(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
async def rows(server: RedisServer) -> AsyncIterator[RedisRows]:
    with server.client() as client:
        client.flushall()
    patient = settings("redis.timeout_ms=5000", "redis.socket_timeout_ms=5000")
    opened = open_rows(server.url, patient.redis, Metrics())
    yield opened
    await opened.close()


@pytest.fixture
def shared(rows: RedisRows) -> SharedCache:
    return SharedCache(rows, settings())


def settings(*overrides: str) -> Settings:
    return read_settings(None, ["cache.ttl_s=60", f"block.hosts={json.dumps(HOSTS)}", *overrides], {})


def query(**changes: object) -> Query:
    return replace(Query(url=URL1, page=page_id(URL1)), **changes)  # type: ignore[arg-type]


async def kept(shared: SharedCache, ranked: RankedList = LIST) -> None:
    shared.after_computation(query(), ranked, Trace())
    await shared.written()


class TestSharedCache(SideEffectContract):
    @pytest.fixture
    def ranked(self) -> RankedList:
        return LIST

    @pytest.fixture
    async def effect(self, shared: SharedCache) -> AsyncIterator[SharedCache]:
        yield shared
        await shared.written()


async def test_a_shared_list_is_read_back_unchanged(shared: SharedCache) -> None:
    await kept(shared)
    found = await shared.get(LIST.bundle, query())
    assert found is not None and (found.cut, found.complete) == (True, True)
    assert found.rows.dtype == ROWS.dtype
    for name in ROWS.dtype.names or ():
        np.testing.assert_array_equal(found.rows[name], ROWS[name])
    assert to_json(found) == to_json(LIST)


@pytest.mark.parametrize(
    "changes",
    [{"title": "x"}, {"snippet": "x"}, {"language": "de"}, {"url": "https://site0.example/page/1"}],
)
async def test_another_query_has_another_key(shared: SharedCache, changes: dict[str, object]) -> None:
    await kept(shared)
    assert await shared.get(LIST.bundle, query(**changes)) is None


async def test_gateways_with_other_settings_share_nothing(rows: RedisRows, shared: SharedCache) -> None:
    await kept(shared)
    assert await SharedCache(rows, settings("block.hosts=[]")).get(LIST.bundle, query()) is None


async def test_the_order_of_a_set_does_not_change_the_key(rows: RedisRows, shared: SharedCache) -> None:
    await kept(shared)
    again = settings(f"block.hosts={json.dumps(HOSTS[::-1])}")
    assert await SharedCache(rows, again).get(LIST.bundle, query()) is not None


async def test_text_with_lone_surrogates_has_a_key(shared: SharedCache) -> None:
    assert await shared.get(LIST.bundle, query(title="\udc80", snippet="\ud800")) is None


async def test_a_list_of_another_bundle_is_a_miss(shared: SharedCache) -> None:
    await kept(shared)
    assert await shared.get("20250101T000001Z-0123abcd", query()) is None


@pytest.mark.parametrize(
    "row",
    [
        b"",
        b"{}",
        b"\xff\x00",
        b"[]",
        to_json(LIST)[:-2],
        to_json(LIST).replace(b"page/0", b"page/9"),
        to_json(LIST).replace(b"65535", b"65536"),
        to_json(LIST).replace(b"65535", b"-1"),
        to_json(LIST).replace(b"65535", b"0.5"),
        to_json(LIST).replace(b",65535", b""),
        to_json(LIST).replace(b",65535", b",null"),
        to_json(LIST).replace(b"rank_cf", b"unheard"),
        to_json(LIST).replace(b"18446744073709551615", b"18446744073709551616"),
        to_json(LIST).replace(b'"score"', b'"quality"'),
        to_json(LIST).replace(b'"page"', b'"rank_of"'),
        to_json(LIST).replace(b'"click"', b'"blend"'),
    ],
)
async def test_a_row_that_is_not_a_list_for_the_query_is_a_miss(
    server: RedisServer, shared: SharedCache, row: bytes
) -> None:
    await kept(shared)
    with server.client() as client:
        (key,) = client.keys()
        client.set(key, row)
    assert await shared.get(LIST.bundle, query()) is None


async def test_a_degraded_list_is_not_shared(server: RedisServer, shared: SharedCache) -> None:
    await kept(shared, RankedList(URL1, LIST.bundle, ROWS, ("cf:timeout",)))
    with server.client() as client:
        assert client.keys() == []


async def test_a_shared_list_expires(server: RedisServer, shared: SharedCache) -> None:
    await kept(shared)
    with server.client() as client:
        assert 0 < client.pttl(client.keys()[0]) <= 60_000


async def test_a_list_computed_by_one_replica_is_read_by_another(make, shared: SharedCache) -> None:
    one, other = make(shared=shared), make(shared=shared)
    computed = await one.recommender.recommend(Request(URL1))
    await shared.written()
    read = await other.recommender.recommend(Request(URL1))
    assert (read.body, read.served_by) == (computed.body, "cache")
    assert (one.coclick.calls, other.coclick.calls) == (1, 0)


async def test_an_explained_answer_is_always_computed(make, shared: SharedCache) -> None:
    await kept(shared)
    answer = await make(shared=shared).recommender.recommend(Request(URL1, explain=True))
    assert answer.read().explain is not None


async def test_without_redis_every_answer_is_computed(make, tmp_path: Path) -> None:
    with one_server(tmp_path) as gone:
        url = gone.url
    rows = open_rows(url, read_settings(None, [], {}).redis, Metrics())
    small = make(shared=SharedCache(rows, settings()))
    answer = await small.recommender.recommend(Request(URL1))
    assert (len(answer.recommendations), answer.degraded) == (5, ())
    await rows.close()


def test_answers_cannot_be_shared_without_redis(tiny) -> None:
    with pytest.raises(SettingsError, match=r"cache.shared: .* --redis"):
        load(tiny.bundles, read_settings(None, ["cache.shared=true"], {}))
