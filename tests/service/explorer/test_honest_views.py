"""What the explorer shows when there is nothing to show, in Chromium over a small gateway."""

from __future__ import annotations

from contextlib import AsyncExitStack
from urllib.parse import quote

import pytest

from service.admission.api_keys import ApiKeys
from service.admission.authorize import Authorizer
from tests.service.explorer.conftest import running

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = "/?url1=" + quote("https://site0.example/page/0")


async def test_an_empty_answer_says_so_and_still_shows_the_stages(make, served, visit) -> None:
    small = make()
    for path in (small.coclick, small.qprime, small.popular):
        path.urls = []
    async with served(small.gateway) as server, visit(server.http) as seen:
        await seen.open(PAGE)
        await seen.page.get_by_text("No page is worth recommending here").wait_for()
        assert "empty" in await seen.page.locator(".list .degraded").inner_text()
        assert await seen.page.locator(".funnel .stage").count() >= 3


async def test_what_was_degraded_is_named(make, served, visit) -> None:
    small = make()
    small.coclick.error = RuntimeError("broken")
    async with served(small.gateway) as server, visit(server.http) as seen:
        await seen.open(PAGE)
        assert "recall:coclick" in await seen.page.locator(".why .degraded").inner_text()


async def test_a_gateway_that_needs_a_key_asks_for_it(make, served, visit, tmp_path) -> None:
    (tmp_path / "keys").write_text("anna open-key\n")
    small = make()
    small.gateway.authorizer = Authorizer(ApiKeys(tmp_path / "keys"))
    async with served(small.gateway) as server, visit(server.http) as seen:
        await seen.open(PAGE)
        for sent in ("wrong", "open-key"):
            await seen.page.get_by_label("API key").fill(sent)
            await seen.page.get_by_role("button", name="Use it").click()
        await seen.page.locator(".card").first.wait_for()
        await seen.page.get_by_role("link", name="Traffic").click()
        await seen.page.get_by_text("answers a second").wait_for()


async def test_a_gateway_that_does_not_explain_shows_its_answer(make, served, visit) -> None:
    small = make()
    small.gateway.authorizer = Authorizer(explains=False)
    async with served(small.gateway) as server, visit(server.http) as seen:
        await seen.open(PAGE)
        await seen.page.get_by_text("does not explain its answers to you").wait_for()
        assert await seen.page.locator(".card").count() == 5
        assert await seen.page.get_by_label("Weight of quality").count() == 0


@pytest.mark.parametrize("view", ["/", PAGE, "/?view=bundle"])
async def test_without_the_right_to_explain_every_view_says_so(make, served, visit, view) -> None:
    small = make()
    small.gateway.authorizer = Authorizer(explains=False)
    async with served(small.gateway) as server, visit(server.http) as seen:
        await seen.open(view)
        assert await seen.page.locator("#url1, [role=alert]").count() >= 1


async def test_a_gateway_that_restarts_under_the_page_is_waited_for(make, visit) -> None:
    async with AsyncExitStack() as stack:
        async with running(make().gateway) as address:
            seen = await stack.enter_async_context(visit(address))
            await seen.open(PAGE)
            await seen.page.locator(".card").first.wait_for()
        await seen.page.locator(".card h3 a").first.click()
        await seen.page.get_by_text("The gateway does not answer").wait_for()
        await stack.enter_async_context(running(make().gateway, int(address.rpartition(":")[2])))
        await seen.page.locator(".trail").wait_for()
        await seen.page.locator(".columns .card").first.wait_for()


async def test_the_page_of_the_api_obeys_its_policy(make, served, visit) -> None:
    async with served(make().gateway) as server, visit(server.http) as seen:
        await seen.page.goto(f"{server.http}/docs")
        await seen.page.get_by_text("/recommend/batch").first.wait_for()
