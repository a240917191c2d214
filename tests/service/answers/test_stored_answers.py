"""Stored answers: the same pages as computed ones, selected live, and one read in place of the cascade."""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import orjson
import pytest

from ranking.cross_encoder.score import CrossEncoderHeads
from ranking.stored_answers import FILE
from service.answers.asked import asked
from service.answers.request import Request
from store.tables import LmdbTable
from tests.conftest import STORED, Tiny
from tests.service.answers.stored_gateway import ask, opened, shown, urls, with_rows


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
    scores, exact = ({page.url: page.score or 0 for page in each.recommendations} for each in (by_quality, computed))
    assert scores == pytest.approx(exact, abs=1e-4)  # a row rounds them, so two pages may have the same
    order = [exact[url] for url in scores]
    assert all(one > other - 1e-4 for one, other in pairwise(order)) and order[0] > order[-1] + 0.1


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
