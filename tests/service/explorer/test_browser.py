"""What a person does in the explorer, in Chromium, over a bundle that was built."""

from __future__ import annotations

from urllib.parse import parse_qs, quote, urlsplit

import httpx
import orjson
import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def seen(visit, site):
    async with visit(site.address) as visit:
        yield visit


def path_of(tiny, place: int = 0, **more: str) -> str:
    return f"/?url1={quote(tiny.urls[place])}" + "".join(f"&{name}={quote(value)}" for name, value in more.items())


async def titles(column) -> list[str]:
    return await column.locator(".card h3 a").all_inner_texts()


async def test_a_page_is_found_by_typing_and_picked_by_the_keyboard_alone(seen, tiny) -> None:
    page = seen.page
    await seen.open("/")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")  # the skip link
    await page.keyboard.press("Tab")
    await page.keyboard.type("bread")
    await page.locator("[role=option]").first.wait_for()
    await page.keyboard.press("ArrowDown")
    picked = await page.locator("[role=option][aria-selected=true] .title").inner_text()
    await page.keyboard.press("Enter")
    await page.locator(".columns .card").first.wait_for()
    assert await page.locator("h1").inner_text() == picked
    assert await page.locator("h1").evaluate("(h1) => h1 === document.activeElement")
    assert await page.locator(".columns .card").count() == 5
    assert "/bread/" in parse_qs(urlsplit(page.url).query)["url1"][0]


async def test_typed_words_without_a_pick_mean_the_first_suggestion(seen) -> None:
    await seen.open("/")
    await seen.page.locator("#url1").fill("soup onion")
    await seen.page.keyboard.press("Enter")
    assert "soup" in await seen.page.locator(".reader h1").inner_text()


async def test_a_card_walks_on_and_the_way_is_in_the_address(seen, tiny) -> None:
    page = seen.page
    await seen.open(path_of(tiny))
    first = await page.locator("h1").inner_text()
    card = page.locator(".card h3 a").first
    second = await card.inner_text()
    await card.click()
    await page.locator(".trail a", has_text=first).wait_for()
    assert await page.locator("h1").inner_text() == second
    await page.reload()
    await page.locator(".trail a").wait_for()
    assert await page.locator(".trail a").all_inner_texts() == [first]
    await page.go_back()
    await page.locator(".trail").wait_for(state="detached")
    assert await page.locator("h1").inner_text() == first


async def test_the_slider_shows_the_gateways_own_answer_without_asking_it(seen, tiny) -> None:
    page = seen.page
    await seen.open(path_of(tiny, 75))
    slider = page.get_by_label("Weight of quality")
    await slider.wait_for()
    asked = seen.asked_for("/recommend")
    for value in (0, 40, 100):
        await slider.fill(str(value))
        request = {"url1": tiny.urls[75], "quality_weight": value / 100}
        async with httpx.AsyncClient() as client:
            own = (await client.post(f"{seen.gateway}/recommend", json=request)).json()["recommendations"]
        assert await titles(page) == [shown["title"] for shown in own]
    assert seen.asked_for("/recommend") == asked
    assert parse_qs(urlsplit(page.url).query)["weight"] == ["1.00"]


async def test_an_arrow_key_moves_the_slider_and_reset_serves_again(seen, tiny) -> None:
    page = seen.page
    await seen.open(path_of(tiny))
    await page.get_by_label("Weight of quality").press("ArrowRight")
    assert "served" not in await page.locator(".weight output").inner_text()
    await page.get_by_role("button", name="Reset").click()
    assert "served" in await page.locator(".weight output").inner_text()
    assert "weight" not in page.url


async def test_a_second_column_compares_another_weight(seen, tiny) -> None:
    page = seen.page
    await seen.open(path_of(tiny, 75))
    await page.get_by_role("link", name="Compare another λ").click()
    await page.locator(".answer").nth(1).wait_for()
    assert parse_qs(urlsplit(page.url).query)["beside"] == ["weight:1.00"]
    await page.get_by_label("Weight of quality").first.fill("100")
    assert await titles(page.locator(".answer").nth(0)) == await titles(page.locator(".answer").nth(1))


async def test_the_cascade_is_drawn_with_its_stages_and_the_cross_encoders_time(seen, tiny) -> None:
    await seen.open(path_of(tiny))
    why = seen.page.locator(".why")
    await why.wait_for()
    names = await why.locator(".stage h3").all_inner_texts()
    assert [name.split("\n")[0] for name in names] == [
        "Recall", "Page facts and filters", "Stage 1", "Cross-encoder", "Stage 2", "Blend", "Select",
    ]  # fmt: skip
    assert "inside the cross-encoder" in await why.locator("figcaption").inner_text()
    assert await why.get_by_label("Recall paths, in parallel").locator("li").count() == 6


async def test_every_candidates_columns_are_shown_on_demand(seen, tiny) -> None:
    page = seen.page
    await seen.open(path_of(tiny))
    await page.get_by_role("button", name="Columns").first.click()
    table = page.locator(".long table")
    rows = int(await table.get_attribute("aria-rowcount")) - 1
    assert f"{rows} candidates" in await page.locator(".panel h2").inner_text()
    await page.get_by_role("button", name="rank_coclick").click()
    ranks = await table.locator("tbody tr td:nth-of-type(2)").all_inner_texts()
    assert rows > 30
    assert "rank_coclick" in await table.locator("thead").inner_text()
    assert ranks
    await page.get_by_label("Only with").fill("/roses/1")
    assert int(await table.get_attribute("aria-rowcount")) - 1 < rows
    await page.get_by_role("button", name="Close").click()
    assert await page.locator(".panel").count() == 0


async def test_a_rating_is_kept_as_a_label(seen, site, tiny) -> None:
    page = seen.page
    await seen.open(path_of(tiny))
    await page.get_by_label("Good: 3").first.press("Space")
    await page.locator(".rate [role=status]", has_text="Kept").wait_for()
    (file,) = site.labels.iterdir()
    row = orjson.loads(file.read_bytes())
    assert (row["url1"], row["quality"]) == (tiny.urls[0], 3)
    assert row["url2"] in tiny.urls


async def test_an_unknown_page_is_answered_from_the_text_that_is_given(seen) -> None:
    page = seen.page
    await seen.open("/?url1=https://elsewhere.example/<b>new</b>")
    await page.get_by_text("This page is not in the bundle.").wait_for()
    await page.get_by_label("Title", exact=True).fill("<b>sourdough bread</b>")
    await page.get_by_label("Snippet").fill("flour yeast dough oven crust")
    await page.get_by_role("button", name="Ask with this text").click()
    await page.locator("h1", has_text="<b>sourdough bread</b>").wait_for()  # as text
    assert any("bread" in title for title in await titles(page))


async def test_an_address_that_is_none_is_explained(seen) -> None:
    await seen.open("/?url1=javascript:alert(1)")
    notice = seen.page.get_by_role("alert")
    await notice.wait_for()
    assert "url1:" in await notice.inner_text()


async def test_the_page_of_the_bundle_shows_the_build(seen, tiny) -> None:
    page = seen.page
    await seen.open("/?view=bundle")
    await page.get_by_text("Loss curves").wait_for()
    assert tiny.bundle.name in await page.locator("main").inner_text()
    assert await page.locator("svg.chart").count() >= 2
    assert "pages" in await page.get_by_label("Input tables").inner_text()


async def test_the_page_of_traffic_counts_answers(seen, tiny) -> None:
    async with httpx.AsyncClient() as client:
        for _ in range(6):
            await client.get(f"{seen.gateway}/recommend", params={"url1": tiny.urls[0]})
    await seen.open("/?view=traffic")
    await seen.page.get_by_role("link", name=tiny.urls[0]).wait_for()
    assert "cache" in await seen.page.get_by_label("Served by").inner_text()


async def test_two_thousand_candidates_do_not_stall_the_page(seen, tiny) -> None:
    page = seen.page

    async def many(route) -> None:
        response = await route.fetch()
        answer = await response.json()
        merged = answer["explain"]["stages"][0]["candidates"]
        answer["explain"]["stages"][0]["candidates"] = [merged[row % len(merged)] for row in range(2_000)]
        await route.fulfill(response=response, json=answer)

    await page.route("**/recommend", many)
    await seen.open(path_of(tiny))
    await page.get_by_role("button", name="Columns").first.click()
    frames_ms = await page.evaluate(_SCROLL)
    assert "2,000 candidates" in await page.locator(".panel h2").inner_text()
    assert await page.locator(".long tbody tr").count() < 100
    assert sorted(frames_ms)[len(frames_ms) // 2] < 700  # idle: 17, busy: 170; a table of all rows: seconds


#: Scrolls through the table in sixty frames; returns the milliseconds of each.
_SCROLL = """async () => {
  const view = document.querySelector(".long");
  const frames = [];
  for (let frame = 1; frame <= 60; frame++) {
    const start = performance.now();
    view.scrollTop = (view.scrollHeight * frame) / 60;
    await new Promise(requestAnimationFrame);
    frames.push(performance.now() - start);
  }
  return frames;
}"""
