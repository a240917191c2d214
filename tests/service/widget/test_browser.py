"""The widget on a host page of another origin, in Chromium."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from corpus.events.read import read_events
from service.events.opening import send_now
from tests.service.conftest import URLS
from tests.service.widget.conftest import CANONICAL

pytestmark = pytest.mark.asyncio(loop_scope="module")


#: Out of sight until the page is scrolled.
FAR = '<div style="height: 3000px"></div><onward-next></onward-next><div style="height: 3000px"></div>'

#: Cards of the server that lead to another page of the host.
LOCAL = '<section data-answer=""><ol><li><a href="/next" data-place="1">Next</a></li></ol></section>'


async def answer_of(gateway: str) -> dict:
    async with httpx.AsyncClient() as client:
        return (await client.get(f"{gateway}/recommend", params={"url1": CANONICAL})).json()


async def test_the_cards_are_those_of_the_canonical_page(visit) -> None:
    async with visit() as seen:
        await seen.open()
        shown = await seen.cards()
        pages = (await answer_of(seen.gateway))["recommendations"]
        assert shown == [page["title"] for page in pages]
        links = await seen.page.locator("onward-next a").evaluate_all("(links) => links.map((link) => link.href)")
        assert links == [page["url"] for page in pages]
        assert await seen.page.get_by_role("region", name="Read next").get_by_role("listitem").count() == len(pages)
        (asked,) = seen.asked_for("/recommend")
    assert parse_qs(urlsplit(asked).query) == {"url1": [CANONICAL]}


@pytest.mark.parametrize("head", ["", '<link rel="canonical">'])
async def test_without_a_canonical_link_the_page_is_its_address(visit, head) -> None:
    async with visit() as seen:
        await seen.open(canonical="", head=head, path="/article")
        await seen.cards()
        (asked,) = seen.asked_for("/recommend")
        assert parse_qs(urlsplit(asked).query)["url1"] == [f"{seen.host.address}/article"]


async def test_attributes_choose_page_number_heading_and_gateway(visit) -> None:
    async with visit() as seen:
        element = '<onward-next data-url="{}" data-k="2" data-heading="Weiter" data-gateway="{}"></onward-next>'
        await seen.open(element.format(URLS[1], seen.gateway))
        assert len(await seen.cards()) == 2
        assert await seen.page.get_by_role("heading", name="Weiter").count() == 1
        (asked,) = seen.asked_for("/recommend")
    assert parse_qs(urlsplit(asked).query) == {"url1": [URLS[1]], "k": ["2"]}


async def test_what_was_seen_and_clicked_is_in_the_sink(visit, tmp_path) -> None:
    async with visit() as seen:
        await seen.open()
        await seen.cards()
        await seen.events()
        answer = await answer_of(seen.gateway)
        second = seen.page.locator("onward-next a").nth(1)
        target = await second.get_attribute("href")
        await second.click()
        await seen.page.wait_for_url(target)
        await seen.events()
        settings = seen.small.gateway.settings.feedback
    await send_now(settings, tmp_path, None)  # what a busy gateway could not send at its end
    impression, click = sorted(
        read_events(tmp_path / "feedback/events").to_pylist(), key=lambda row: row["kind"] == "click"
    )
    assert (impression["kind"], impression["position"], click["kind"], click["position"]) == (
        "impression",
        None,
        "click",
        2,
    )
    assert click["url2"] == target
    for row in (impression, click):
        assert (row["url1"], row["answer_id"], row["unit"]) == (CANONICAL, answer["answer_id"], None)
    assert impression["impression_id"] == click["impression_id"]
    assert impression["event_id"] != click["event_id"]


async def test_two_readers_of_one_answer_make_two_impressions(visit, rows) -> None:
    async with visit() as seen:
        for _ in range(2):
            await seen.open()
            await seen.events()
        first, second = rows()
    assert first["answer_id"] == second["answer_id"]
    assert first["impression_id"] != second["impression_id"]


async def test_a_list_is_seen_when_half_of_it_was_visible_for_a_second(visit) -> None:
    async with visit() as seen:
        await seen.hold_timer()
        await seen.open(FAR)
        await seen.cards()
        await seen.settled()
        await seen.pending(0)
        await seen.page.evaluate("scrollTo(0, 3000)")
        await seen.pending(1)
        assert seen.asked_for("/events") == []
        await seen.fire()
        (event,) = await seen.events()
        assert event["action_name"] == "impression"
        await seen.page.evaluate("scrollTo(0, 0)")
        await seen.page.evaluate("scrollTo(0, 3000)")
        await seen.settled()
        await seen.pending(1)  # the one that was fired: nobody sees a list anew


async def test_who_passes_by_has_not_seen_it(visit) -> None:
    async with visit() as seen:
        await seen.hold_timer()
        await seen.open(FAR)
        await seen.cards()
        await seen.page.evaluate("scrollTo(0, 3000)")
        await seen.pending(1)
        await seen.page.evaluate("scrollTo(0, 0)")
        await seen.pending(0)
        assert seen.asked_for("/events") == []


async def test_the_keyboard_reaches_the_links_and_its_clicks_count(visit) -> None:
    async with visit() as seen:
        await seen.open()
        titles = await seen.cards()
        await seen.page.keyboard.press("Tab")
        focused = "document.querySelector('onward-next').shadowRoot.activeElement.textContent"
        assert await seen.page.evaluate(focused) == titles[0]
        outline = "(card) => getComputedStyle(card).outlineStyle"
        assert await seen.page.locator("onward-next li").first.evaluate(outline) == "solid"
        await seen.page.keyboard.press("Enter")
        while (event := (await seen.events())[0])["action_name"] != "click":
            pass
        assert event["event_attributes"]["position"] == {"ordinal": 1}


async def test_a_middle_click_counts_and_a_right_click_does_not(visit) -> None:
    async with visit() as seen:
        await seen.open()
        await seen.cards()
        link = seen.page.locator("onward-next a").first
        await link.click(button="right")
        await link.click(button="middle")
        events = [(await seen.events())[0]["action_name"] for _ in range(2)]
    assert sorted(events) == ["click", "impression"]


async def test_nothing_is_stored_in_the_browser_unless_the_page_asks(visit, rows) -> None:
    stored = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
    async with visit() as seen:
        await seen.open()
        await seen.events()
        assert await seen.page.evaluate(stored) == '[{},{},""]'
        assert await seen.page.context.cookies() == []
        for _ in range(2):
            await seen.open("<onward-next data-session></onward-next>")
            await seen.events()
        kept = await seen.page.evaluate("sessionStorage['onward-client']")
        assert await seen.page.evaluate("Object.keys(localStorage).length + Object.keys(sessionStorage).length") == 1
        assert [row["unit"] for row in rows()] == [None, kept, kept]


async def test_the_pages_of_the_tab_are_sent_as_the_way_if_the_page_asks(visit) -> None:
    bodies: list[dict] = []
    async with visit() as seen:
        seen.page.on("request", lambda sent: bodies.append(sent.post_data_json) if sent.method == "POST" else None)
        for url in (URLS[1], URLS[2], URLS[2], URLS[3]):  # the third is a reload
            await seen.open(f'<onward-next data-history data-k="3" data-url="{url}"></onward-next>')
            assert len(await seen.cards()) == 3
        asked = [body for body in bodies if "url1" in body]
    ways = [(URLS[2], [URLS[1]]), (URLS[2], [URLS[1]]), (URLS[3], [URLS[1], URLS[2]])]
    assert asked == [{"url1": url, "k": 3, "history": way} for url, way in ways]


async def test_a_broken_way_in_the_storage_costs_nothing(visit) -> None:
    async with visit() as seen:
        for broken in ("{", "7", "null", '["javascript:alert(1)", 7, null]'):
            await seen.open("<p></p>")
            await seen.page.evaluate("(text) => { sessionStorage['onward-history'] = text }", broken)
            await seen.open("<onward-next data-history></onward-next>")
            assert await seen.cards()


async def test_a_page_with_an_endless_address_costs_the_next_ones_nothing(visit) -> None:
    async with visit() as seen:
        await seen.open(f'<onward-next data-history data-url="https://a.example/?q={"x" * 2_100}"></onward-next>')
        await seen.settled()
        await seen.open("<onward-next data-history></onward-next>")
        assert await seen.cards()


async def test_without_feedback_there_are_cards_and_no_events(visit) -> None:
    async with visit("feedback.enabled=false") as seen:
        await seen.hold_timer()
        await seen.open()
        await seen.cards()
        await seen.settled()
        await seen.pending(0)
        await seen.page.locator("onward-next a").first.click()
        assert seen.asked_for("/events") == []


async def test_links_are_prefetched_on_hover_if_the_page_wants_it(visit) -> None:
    async with visit() as seen:
        scripts = f"script-src 'self' {seen.gateway} 'inline-speculation-rules'"
        seen.host.headers = {"Content-Security-Policy": f"default-src 'self' {seen.gateway}; {scripts}"}
        await seen.open(f"<onward-next data-prefetch>{LOCAL}</onward-next>")
        await seen.settled()
        assert seen.host.prefetched.empty()
        await seen.page.locator("onward-next a").hover()
        async with asyncio.timeout(60):
            assert await seen.host.prefetched.get() == "/next"


async def test_without_the_wish_there_are_no_speculation_rules(visit) -> None:
    async with visit() as seen:
        await seen.open(f"<onward-next>{LOCAL}</onward-next>")
        await seen.settled()
        assert await seen.page.locator("script[type=speculationrules]").count() == 0


async def test_an_element_that_is_moved_asks_once(visit) -> None:
    async with visit() as seen:
        await seen.open()
        await seen.cards()
        await seen.page.evaluate("document.body.prepend(document.querySelector('onward-next'))")
        await seen.settled()
        assert len(seen.asked_for("/recommend")) == 1


async def test_a_script_that_is_there_twice_is_no_error(visit) -> None:
    async with visit() as seen:
        await seen.open(head=f'<script src="{seen.gateway}/widget.js"></script>')
        await seen.cards()
