"""Nothing on the host page moves, whatever the gateway answers."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Route

from tests.service.explorer.conftest import DESKTOP, PHONE
from tests.service.widget.conftest import Visit

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHIFTS = """new Promise((done) => {
  let sum = 0;
  const observer = new PerformanceObserver((list) => list.getEntries().forEach(({ value }) => (sum += value)));
  observer.observe({ type: "layout-shift", buffered: true });
  requestAnimationFrame(() => setTimeout(() => done(sum)));
})"""
BAD_CARDS = '[null, 7, "x", {}, {"url": 5}, {"url": "javascript:alert(1)", "title": "x"}]'
BODIES = ["", "nonsense", "[]", "null", "{}", *(f'{{"recommendations": {pages}}}' for pages in ("5", "[]", BAD_CARDS))]


async def shift(seen: Visit) -> float:
    await seen.settled()
    return await seen.page.evaluate(SHIFTS)


async def late(seen: Visit) -> None:
    """Open the page; its cards arrive after it was painted."""
    painted = asyncio.Event()

    async def held(route: Route) -> None:
        await painted.wait()
        await route.continue_()

    await seen.page.route(f"{seen.gateway}/recommend*", held)
    await seen.open()
    await seen.page.wait_for_function("document.querySelector('onward-next').shadowRoot")
    await seen.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    painted.set()
    await seen.cards()


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
async def test_cards_that_arrive_late_move_nothing(visit, size) -> None:
    async with visit(size=size) as seen:
        await late(seen)
        assert await shift(seen) == 0
        assert await seen.page.evaluate("document.querySelector('onward-next').offsetHeight") == 616  # 38.5 rem


async def test_the_gateways_own_style_reserves_the_height_too(visit) -> None:
    async with visit() as seen:
        seen.host.style = ""
        await seen.open(head=f'<link rel="stylesheet" href="{seen.gateway}/widget.css">')
        await seen.cards()
        assert await shift(seen) == 0
        assert await seen.page.evaluate("document.querySelector('onward-next').offsetHeight") == 616  # 38.5 rem


@pytest.mark.parametrize("body", BODIES)
async def test_an_answer_that_is_none_leaves_its_place_empty(visit, body) -> None:
    async with visit() as seen:
        await seen.page.route(
            f"{seen.gateway}/recommend*",
            lambda route: route.fulfill(body=body, headers={"access-control-allow-origin": "*"}),
        )
        await seen.open()
        assert await shift(seen) == 0
        assert await seen.page.locator("onward-next a").count() == 0
        assert await seen.page.get_by_role("region").count() == 0


@pytest.mark.parametrize("status", [0, 401, 422, 429, 500])
async def test_a_gateway_that_fails_leaves_its_place_empty(visit, status) -> None:
    async with visit() as seen:
        await seen.page.route(
            f"{seen.gateway}/recommend*", lambda route: route.fulfill(status=status) if status else route.abort()
        )
        await seen.open()
        assert await shift(seen) == 0
        assert await seen.page.locator("onward-next a").count() == 0


async def test_an_element_that_nobody_sees_yet_gives_its_place_back(visit) -> None:
    async with visit() as seen:
        await seen.page.route(f"{seen.gateway}/recommend*", lambda route: route.abort())
        await seen.open('<div style="height: 3000px"></div><onward-next></onward-next>')
        await seen.page.locator("onward-next").wait_for(state="hidden")
        assert await shift(seen) == 0


async def test_a_gateway_that_never_answers_is_given_up(visit) -> None:
    async with visit() as seen:
        await seen.page.route(f"{seen.gateway}/recommend*", lambda route: None)
        await seen.open('<div style="height: 3000px"></div><onward-next></onward-next>')
        await seen.page.locator("onward-next").wait_for(state="hidden")  # after five seconds


async def test_a_page_that_is_no_web_page_is_not_asked_for(visit) -> None:
    async with visit() as seen:
        await seen.open(canonical="app://article/1")
        await seen.settled()
        assert seen.asked_for("/recommend") == []


async def test_titles_are_text_and_places_stay_those_of_the_answer(visit) -> None:
    body = """{"recommendations": [{"url": "javascript:alert(1)", "title": "bad"}, {"url": "data:text/html,x"},
      {"url": "https://a.example/3", "title": "<img src=x onerror=alert(1)>", "snippet": "<b>bold</b>"},
      {"url": "https://a.example/4", "title": ""}]}"""
    async with visit() as seen:
        await seen.page.route(
            f"{seen.gateway}/recommend*",
            lambda route: route.fulfill(body=body, headers={"access-control-allow-origin": "*"}),
        )
        await seen.open()
        assert await seen.cards() == ["<img src=x onerror=alert(1)>", "https://a.example/4"]
        assert await seen.page.locator("onward-next img, onward-next b").count() == 0
        places = await seen.page.locator("onward-next a").evaluate_all("(links) => links.map((a) => a.dataset.place)")
        assert places == ["3", "4"]
