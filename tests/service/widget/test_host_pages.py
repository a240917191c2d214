"""Host pages with rules of their own: other origins, strict policies, cards from their server, readers' settings."""

from __future__ import annotations

import re

import httpx
import pytest
from axe_playwright_python.async_playwright import Axe

from tests.service.explorer.conftest import DESKTOP, PHONE
from tests.service.explorer.test_accessibility import RULES
from tests.service.widget.conftest import CANONICAL
from tests.service.widget.test_layout import shift

pytestmark = pytest.mark.asyncio(loop_scope="module")

AXE = Axe()
STYLE = (
    "body { background: Canvas; color: CanvasText; color-scheme: light dark; font: 16px/1.5 sans-serif; margin: 16px }"
)


async def fragment_of(gateway: str, **query: str) -> str:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{gateway}/fragment", params={"url1": CANONICAL, **query})
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_a_page_of_an_origin_that_is_not_allowed_gets_nothing_and_does_not_break(visit) -> None:
    async with visit(origins="https://www.example.org") as seen:
        await seen.open()
        assert await shift(seen) == 0
        assert len(seen.asked_for("/recommend")) == 1
        assert await seen.page.locator("onward-next a").count() == 0


@pytest.mark.parametrize("server", [False, True])
async def test_a_strict_policy_of_the_host_page_is_not_violated(visit, server) -> None:
    async with visit() as seen:
        trusted = "require-trusted-types-for 'script'; trusted-types 'none'"
        seen.host.headers = {"Content-Security-Policy": f"default-src 'self' {seen.gateway}; {trusted}"}
        noting = "(event) => violations.push(event.violatedDirective)"
        await seen.page.add_init_script(
            f"window.violations = []; addEventListener('securitypolicyviolation', {noting})"
        )
        inside = await fragment_of(seen.gateway) if server else ""
        head = f'<link rel="stylesheet" href="{seen.gateway}/widget.css">'
        await seen.open(f"<onward-next>{inside}</onward-next>", head=head)
        await seen.cards()
        await seen.events()
        assert await seen.page.evaluate("violations") == []
        display = await seen.page.locator("onward-next ol").evaluate("(list) => getComputedStyle(list).display")
        assert display == "grid"


async def test_cards_of_the_server_are_adopted_without_a_request(visit, rows) -> None:
    async with visit() as seen:
        inside = await fragment_of(seen.gateway)
        await seen.open(f"<onward-next>{inside}</onward-next>")
        await seen.events()
        assert seen.asked_for("/recommend") == []
        assert await seen.page.evaluate("document.querySelector('onward-next').innerHTML") == inside
        await seen.page.locator("onward-next a").nth(2).click()
        await seen.events()
        impression, click = rows()
        assert (impression["kind"], click["kind"], click["position"]) == ("impression", "click", 3)
        assert impression["impression_id"] == click["impression_id"]


async def test_the_server_makes_the_same_elements_as_the_browser(visit) -> None:
    async with visit() as seen:
        await seen.open()
        await seen.cards()
        made = await seen.page.evaluate("document.querySelector('onward-next').shadowRoot.innerHTML")
        served = re.sub(r' data-answer="[^"]*"', "", (await fragment_of(seen.gateway)).strip())
        normal = "(html) => { const box = document.createElement('div'); box.innerHTML = html;"
        normal += (
            " return [...box.querySelectorAll('*')].map((e) => [e.tagName, e.children.length ? '' : e.textContent,"
        )
        normal += " ...[...e.attributes].map((a) => `${a.name}=${a.value}`).sort()]); }"
        assert await seen.page.evaluate(normal, made) == await seen.page.evaluate(normal, served)


async def test_an_element_with_an_empty_list_of_the_server_shows_nothing(visit) -> None:
    async with visit() as seen:
        await seen.open('<onward-next><section part="section" data-answer="" hidden></section></onward-next>')
        await seen.settled()
        assert (seen.asked_for("/recommend"), seen.asked_for("/events")) == ([], [])


@pytest.mark.parametrize("server", [False, True])
async def test_axe_finds_nothing(visit, server) -> None:
    async with visit() as seen:
        seen.host.style = STYLE
        inside = await fragment_of(seen.gateway) if server else ""
        await seen.open(
            f"<onward-next>{inside}</onward-next>", head=f'<link rel="stylesheet" href="{seen.gateway}/widget.css">'
        )
        await seen.cards()
        for width, height in (DESKTOP, PHONE):
            await seen.page.set_viewport_size({"width": width, "height": height})
            for scheme in ("light", "dark"):
                await seen.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                found = await AXE.run(seen.page, options=RULES)
                assert found.violations_count == 0, f"{width} px, {scheme}: {found.generate_report()}"
            assert await seen.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


async def test_a_page_themes_parts_and_variables(visit) -> None:
    async with visit() as seen:
        seen.host.style = (
            "onward-next { --onward-card: 4rem; --onward-rows: 3 } onward-next::part(card) { color: rgb(1, 2, 3) }"
        )
        await seen.open('<onward-next data-k="3"></onward-next>')
        await seen.cards()
        element = "document.querySelector('onward-next')"
        assert await seen.page.evaluate(f"{element}.offsetHeight") == (3.5 + 3 * 4) * 16
        card = f"getComputedStyle({element}.shadowRoot.querySelector('[part=card]'))"
        assert await seen.page.evaluate(f"[{card}.color, {card}.height]") == ["rgb(1, 2, 3)", "64px"]
        assert await seen.page.evaluate(f"{element}.shadowRoot.getAnimations().length") == 0
