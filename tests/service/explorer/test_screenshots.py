"""The pictures of README.md and docs/: taken by Chromium, of a gateway that serves.

`--update-screenshots BUNDLES` takes them of a bundle of your choice (`demo/bundles`) and keeps them in docs/images.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Page

from service.bootstrap import load
from service.settings import read_settings
from tests.conftest import Tiny
from tests.service.explorer.conftest import PHONE, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

IMAGES = Path(__file__).parents[3] / "docs" / "images"
MOST_BYTES = 150_000
HEAPQ = "https://docs.python.org/3/library/heapq.html#heapq.heappush"


async def _answer(page: Page) -> None:
    await page.locator(".columns .card").first.wait_for()


async def _typed(page: Page) -> None:
    await page.locator("#url1").press_sequentially("heap")


#: Picture -> path, width and height, colours, what to do first.
PICTURES = {
    "answer": ("/?url1={page}", (1120, 760), "light", _answer),
    "compared": ("/?url1={page}&beside=weight:1.00", (1120, 720), "dark", _answer),
    "start": ("/", (1280, 720), "light", _typed),
    "bundle": ("/?view=bundle", (1280, 1000), "light", None),
    "traffic": ("/?view=traffic", (1280, 1000), "dark", None),
    "phone": ("/?url1={page}", PHONE, "light", _answer),
}


@pytest.fixture(scope="module")
def bundles(request: pytest.FixtureRequest) -> Path | None:
    given = request.config.getoption("--update-screenshots")
    return None if given is None else Path(given)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pictured(tiny: Tiny, bundles: Path | None):
    settings = read_settings(None, ["budget_ms=5000", "stage1.timeout_ms=2000", "unknown.most=0"], {})
    async with running(load(bundles or tiny.bundles, settings)) as address, httpx.AsyncClient() as client:
        url = HEAPQ if bundles else tiny.urls[0]
        for _ in range(6):  # so that traffic has something to show
            await client.get(f"{address}/recommend", params={"url1": url})
        yield address, url


@pytest.mark.parametrize("name", PICTURES)
async def test_a_picture_is_small_and_shows_the_view(pictured, bundles, browser, tmp_path, name) -> None:
    (address, url), (path, (width, height), scheme, prepare) = pictured, PICTURES[name]
    page = await browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.set_default_timeout(30_000)
    await page.goto(address + path.format(page=quote(url)))
    await page.locator("h1").first.wait_for()
    if prepare is not None:
        await prepare(page)
    await page.wait_for_load_state("networkidle")
    file = (IMAGES if bundles else tmp_path) / f"{name}.png"
    await page.screenshot(path=file)
    await page.close()
    assert 5_000 < file.stat().st_size < MOST_BYTES


async def test_the_documents_have_their_pictures() -> None:
    assert sorted(path.stem for path in IMAGES.glob("*.png")) == sorted(PICTURES)
    assert all(path.stat().st_size < MOST_BYTES for path in IMAGES.iterdir())
