"""axe finds nothing in any view, on a phone and a desktop, light and dark."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import quote

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

from service.admission.api_keys import ApiKeys
from service.admission.authorize import Authorizer
from tests.service.explorer.conftest import DESKTOP, PHONE

pytestmark = pytest.mark.asyncio(loop_scope="module")

AXE = Axe()
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


async def _nothing(page: Page) -> None:
    await page.locator("h1").first.wait_for()


async def _typed(page: Page) -> None:
    await page.locator("#url1").fill("bread")
    await page.locator("[role=option]").first.wait_for()
    await page.keyboard.press("ArrowDown")


async def _columns(page: Page) -> None:
    await page.get_by_role("button", name="Columns").first.click()


VIEWS: dict[str, tuple[str, Callable[[Page], Awaitable[None]]]] = {
    "start": ("/", _typed),
    "answer": ("/?url1={}&weight=0.70", _nothing),
    "compared": ("/?url1={}&trail={}&beside=weight:0.90", _nothing),
    "candidates": ("/?url1={}", _columns),
    "unknown": ("/?url1=https://elsewhere.example/new", _nothing),
    "problem": ("/?url1=nonsense", _nothing),
    "bundle": ("/?view=bundle", _nothing),
    "traffic": ("/?view=traffic", _nothing),
}


@pytest_asyncio.fixture(loop_scope="module")
async def seen(visit, site):
    async with visit(site.address) as visit:
        yield visit


@pytest.mark.parametrize("view", VIEWS)
async def test_a_view_has_no_findings(seen, tiny, view) -> None:
    path, prepare = VIEWS[view]
    await seen.open(path.format(quote(tiny.urls[0]), quote(tiny.urls[1])))
    await prepare(seen.page)
    await check_everywhere(seen.page)


async def test_the_form_for_a_key_has_no_findings(make, served, visit, tmp_path) -> None:
    (tmp_path / "keys").write_text("anna open-key\n")
    small = make()
    small.gateway.authorizer = Authorizer(ApiKeys(tmp_path / "keys"))
    async with served(small.gateway) as server, visit(server.http) as seen:
        await seen.open("/")
        await check_everywhere(seen.page)


async def check_everywhere(page: Page) -> None:
    for width, height in (DESKTOP, PHONE):
        await page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found = await AXE.run(page, options=RULES)
            assert found.violations_count == 0, f"{width} px, {scheme}: {found.generate_report()}"
        overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0, f"{width} px: the page is {overflow} px too wide"
