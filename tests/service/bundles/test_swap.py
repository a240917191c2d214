from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from corpus.urls.url import page_ids
from pipeline.refresh import BundleRows, refresh_qprime
from recall.qprime.step import today
from service.answers.request import Request
from service.bootstrap import load
from service.bundles.check_messages import Refused
from service.gateway import Gateway
from service.http.app import make_app
from service.live_bundle import LoadedBundle
from service.settings import Settings, read_settings
from store.bundle import open_bundle, point_current
from tests.conftest import PATIENT
from tests.service.second_bundle import OTHER, add


@pytest.fixture
def bundles(tiny, tmp_path: Path) -> Path:
    """A copy of the tiny bundle."""
    return tiny.link(tmp_path / "bundles")


def settings(*overrides: str) -> Settings:
    return read_settings(None, [*PATIENT, "swap.watch_s=0", "stage1.keep_top=5", *overrides], {})


@asynccontextmanager
async def gateway(bundles: Path, *overrides: str) -> AsyncIterator[Gateway]:
    running = load(bundles, settings(*overrides))
    try:
        yield running
    finally:
        await running.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not condition():  # noqa: ASYNC110 -- the gateway has no event for it
            await asyncio.sleep(0.01)


async def test_refreshed_qprime_rows_are_followed(tiny, tmp_path: Path) -> None:
    bundles = tmp_path / "bundles"
    tiny.link(bundles, work=True)  # with the work that a refresh reads
    async with gateway(bundles, "swap.watch_s=0.01") as running:
        await running.warm_up()
        before = open_bundle(bundles)
        done = refresh_qprime(bundles, before, BundleRows(bundles, before), today() + 1)
        assert done.bundle != before.name
        await until(lambda: running.bundle == done.bundle)
        assert b'onward_bundle_info{bundle="%b"} 1.0' % done.bundle.encode() in running.metrics.text()
        assert b"onward_swaps_total 1.0" in running.metrics.text()


async def test_a_request_in_flight_ends_on_its_first_bundle_which_can_become_live_again(bundles: Path) -> None:
    add(bundles)
    async with gateway(bundles) as running:
        first, lease = running.bundle, running.live.lease()
        await running.swaps.to(OTHER)
        assert (running.bundle, lease.bundle.name) == (OTHER, first)
        assert len(await lease.bundle.pages.get_many(page_ids([lease.bundle.warmup[0]]))) == 1
        await running.swaps.to(first)
        assert running.live.bundle is lease.bundle
        lease.release()
        assert (await running.recommender.recommend(Request(lease.bundle.warmup[0]))).read().bundle == first


async def test_answers_of_the_old_bundle_leave_the_cache(bundles: Path) -> None:
    add(bundles)
    async with gateway(bundles) as running:
        url = running.live.bundle.warmup[0]
        await running.recommender.recommend(Request(url))
        await running.swaps.to(OTHER)
        assert b"onward_cache_bytes 0.0" in running.metrics.text()
        assert (await running.recommender.recommend(Request(url))).read().bundle == OTHER


async def test_a_bundle_whose_answers_differ_too_much_is_refused_unless_forced(bundles: Path) -> None:
    first = open_bundle(bundles).name
    add(bundles, shift=100.0)
    async with gateway(bundles) as running:
        await running.warm_up()
        with pytest.raises(Refused, match=r"mean score of warm-up answers shifts by .* standard deviations") as caught:
            await running.swaps.to(OTHER)
        assert (caught.value.reason, running.bundle) == ("scores", first)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(make_app(running)), base_url="http://here"
        ) as client:
            ready = await client.get("/readyz")
        assert ready.status_code == 200
        assert ready.json()["refused"] == {"bundle": OTHER, "reason": "scores"}
        assert b'onward_bundle_refused_total{reason="scores"} 1.0' in running.metrics.text()
        await running.swaps.to(OTHER, force=True)
        assert (running.bundle, running.refused) == (OTHER, None)


async def test_a_refused_bundle_is_tried_again_when_current_is_written_again_and_not_before(bundles: Path) -> None:
    name = open_bundle(bundles).name
    async with gateway(bundles, "swap.watch_s=0.001") as running:
        await running.warm_up()
        (bundles / "current").write_text("20260101T000000Z-00000000\n")
        await until(lambda: running.refused is not None)
        tried = running.metrics.refused_bundles.labels("files")._value
        for _ in range(50):
            await asyncio.sleep(0.001)  # many looks at the file
        assert tried.get() == 1
        point_current(bundles, name)
        await until(lambda: running.refused is None)
        assert running.bundle == name


async def test_a_bundle_that_current_named_for_a_moment_does_not_go_live(bundles: Path, monkeypatch, caplog) -> None:
    first = open_bundle(bundles).name
    add(bundles)
    async with gateway(bundles, "swap.watch_s=0.01") as running:
        loaded: list[str] = []
        warm_up = running.swaps._warm_up

        async def rolled_back_meanwhile(bundle: LoadedBundle) -> None:
            await warm_up(bundle)
            loaded.append(bundle.name)
            point_current(bundles, first)

        monkeypatch.setattr(running.swaps, "_warm_up", rolled_back_meanwhile)
        point_current(bundles, OTHER)
        await running.warm_up()
        await until(lambda: "is dropped" in caplog.text)
        assert (loaded, running.bundle, running.refused) == ([OTHER], first, None)
        assert b"onward_swaps_total 0.0" in running.metrics.text()


async def test_concurrent_swaps_happen_one_after_the_other(bundles: Path) -> None:
    add(bundles)
    async with gateway(bundles) as running:
        await asyncio.gather(running.swaps.to(OTHER), running.swaps.to(OTHER))
        assert b"onward_swaps_total 1.0" in running.metrics.text()


@pytest.mark.parametrize("name", ["../elsewhere", "", "20990101T000000Z-00000001\n", "/etc"])
async def test_an_invalid_bundle_name_is_refused(bundles: Path, name: str) -> None:
    async with gateway(bundles) as running:
        with pytest.raises(Refused) as caught:
            await running.swaps.to(name)
        assert caught.value.reason == "name"
