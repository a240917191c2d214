"""The second column: an arm's answer and another bundle's, over HTTP and in Chromium, on bundles that were built."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio

from service.bootstrap import load
from service.gateway import Gateway
from service.settings import read_settings
from tests.conftest import PATIENT, Tiny
from tests.service.explorer.conftest import running
from tests.service.explorer.test_accessibility import check_everywhere
from tests.service.second_bundle import OTHER, add

pytestmark = pytest.mark.asyncio(loop_scope="module")

ARMS = """
name = "columns"
[[arms]]
name = "control"
share = 0.5
[[arms]]
name = "quality"
share = 0.5
quality_weight = 1.0
"""


class Columns:
    """A gateway with two bundles and two arms."""

    def __init__(self, gateway: Gateway, address: str) -> None:
        self.gateway, self.address = gateway, address

    async def beside(self, url1: str, **other: str) -> httpx.Response:
        async with httpx.AsyncClient(timeout=60) as client:
            return await client.post(f"{self.address}/explorer/beside", json={"url1": url1, **other})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def columns(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory):
    bundles = tiny.link(tmp_path_factory.mktemp("columns") / "bundles")
    add(bundles, shift=5.0)
    arms = bundles / "arms.toml"
    arms.write_text(ARMS)
    own = [f"experiments.file={arms}", "feedback.enabled=true", "explorer.bundles=true", "swap.watch_s=0"]
    gateway = load(bundles, read_settings(None, [*PATIENT, *own], {}))
    async with running(gateway) as address:
        yield Columns(gateway, address)


def shown(answer: dict) -> list[str]:
    return [page["url"] for page in answer["recommendations"]]


async def test_an_arm_answers_as_it_answers_its_readers(columns, tiny) -> None:
    answer = (await columns.beside(tiny.urls[75], arm="quality")).json()
    assert answer["explain"]["arm"] == "columns/quality"
    request = {"url1": tiny.urls[75], "quality_weight": 1.0}
    async with httpx.AsyncClient() as client:
        own = (await client.post(f"{columns.address}/recommend", json=request)).json()
    assert shown(answer) == shown(own)


async def test_another_bundle_is_opened_and_closed_when_nobody_asks(columns, tiny) -> None:
    answer = (await columns.beside(tiny.urls[0], bundle=OTHER)).json()
    assert (answer["bundle"], len(shown(answer))) == (OTHER, 5)
    assert columns.gateway.live.named(OTHER) is not None
    columns.gateway.compared.close()  # what its timer does
    assert columns.gateway.live.named(OTHER) is None


@pytest.mark.parametrize(
    ("other", "field"),
    [
        ({}, "arm"),
        ({"arm": "control", "bundle": OTHER}, "arm"),
        ({"arm": "nobody"}, "arm"),
        ({"bundle": "20200101T000000Z-00000000"}, "bundle"),
        ({"bundle": "../elsewhere"}, "bundle"),
        ({"arm": "control", "who": "me"}, "who"),
        ({"arm": "control", "url1": "nonsense"}, "url1"),
    ],
)
async def test_a_bad_comparison_is_refused_with_its_field(columns, tiny, other, field) -> None:
    refused = await columns.beside(**{"url1": tiny.urls[0], **other})
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == [field]


async def test_a_damaged_bundle_is_refused_and_the_live_one_answers(columns, tiny, tmp_path: Path) -> None:
    name = "20990101T000000Z-00000002"
    bundles = tmp_path / "bundles"
    tiny.link(bundles)
    add(bundles, name=name)
    (bundles / name / "blend.json").unlink()
    gateway = load(bundles, read_settings(None, [*PATIENT, "explorer.bundles=true", "swap.watch_s=0"], {}))
    async with running(gateway) as address:
        refused = await Columns(gateway, address).beside(tiny.urls[0], bundle=name)
        assert refused.status_code == 422
        assert name in refused.json()["errors"][0]["problem"]
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{address}/recommend", params={"url1": tiny.urls[0]})).status_code == 200


async def test_other_bundles_are_not_opened_unless_the_setting_says_so(site, tiny) -> None:
    async with httpx.AsyncClient() as client:
        about = (await client.get(f"{site.address}/explorer/about")).json()
        assert (about["arms"], about["bundles"]) == ([], [])
        refused = await client.post(f"{site.address}/explorer/beside", json={"url1": tiny.urls[0], "bundle": OTHER})
        assert refused.json()["errors"][0]["field"] == "bundle"


@pytest.mark.parametrize(
    ("link", "heading"),
    [("arm quality", "Arm quality"), (f"bundle {OTHER}", f"Bundle {OTHER}"), ("another λ", "Beside it")],
)
async def test_the_menu_names_what_can_be_compared_and_shows_it(columns, tiny, visit, link, heading) -> None:
    async with visit(columns.address) as seen:
        await seen.open(f"/?url1={quote(tiny.urls[75])}")
        await seen.page.get_by_text("Compare with…").click()
        await seen.page.get_by_role("link", name=link).click()
        second = seen.page.locator(".answer").nth(1)
        await second.locator(".card").first.wait_for()
        assert await second.locator("h2").inner_text() == heading
        assert await second.locator(".card").count() == 5


async def test_the_two_columns_have_no_findings(columns, tiny, visit) -> None:
    async with visit(columns.address) as seen:
        await seen.open(f"/?url1={quote(tiny.urls[75])}&beside=arm:quality")
        await seen.page.locator(".answer").nth(1).locator(".card").first.wait_for()
        await seen.page.get_by_text("Compare with…").click()
        await check_everywhere(seen.page)


async def test_an_arm_that_has_ended_is_told_in_its_column_alone(columns, tiny, visit) -> None:
    async with visit(columns.address) as seen:
        await seen.open(f"/?url1={quote(tiny.urls[0])}&beside=arm:ended")
        await seen.page.locator(".answer").nth(1).get_by_role("alert").wait_for()
        assert await seen.page.locator(".answer").nth(0).locator(".card").count() == 5


async def test_the_page_of_traffic_shows_what_readers_clicked_of_each_arm(columns, tiny, visit) -> None:
    async with httpx.AsyncClient(base_url=columns.address) as client:
        for number in range(8):
            answer = (await client.get("/recommend", params={"url1": tiny.urls[number], "unit": str(number)})).json()
            kinds = ["impression", "click"] if number % 2 else ["impression"]
            events = [event(answer, kind, number) for kind in kinds]
            sent = await client.post("/events", json={"events": events + events})  # sent twice, counted once
            assert sent.status_code == 200
        arms = (await client.get("/explorer/traffic")).json()["arms"]
    assert {arm["arm"] for arm in arms} == {"control", "quality"}
    assert [sum(arm.get(kind, 0) for arm in arms) for kind in ("answers", "impression", "click")] == [8, 8, 4]
    async with visit(columns.address) as seen:
        await seen.open("/?view=traffic")
        rows = seen.page.locator(".arms tbody tr")
        assert await rows.count() == 2
        (first,) = [arm for arm in arms if (await rows.first.inner_text()).startswith(arm["arm"])]
        rate = 100 * first.get("click", 0) / first["impression"]
        assert f"{rate:.1f} %" in await rows.first.inner_text()
        await check_everywhere(seen.page)


def event(answer: dict, kind: str, number: int) -> dict:
    about = {"answer_id": answer["answer_id"]} | ({"position": {"ordinal": 1}} if kind == "click" else {})
    return {
        "event_id": f"{kind}-{number:05}",
        "action_name": kind,
        "query_id": f"reader-{number}",
        "timestamp": datetime.now(UTC).isoformat(),
        "event_attributes": about,
    }
