"""Chromium, as a reader of the explorer: every page that a test opens must stay within the gateway and its policy."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from service.bootstrap import load
from service.explorer import routes  # noqa: F401 -- an error there must not look like one of the browser
from service.gateway import Gateway
from service.process.server import Address, serve
from service.process.shutdown import Stop
from service.settings import read_settings
from tests.conftest import PATIENT, Tiny

_NAMES = ("chromium", "chromium-browser", "google-chrome")
PHONE, DESKTOP = (390, 844), (1280, 900)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    executable = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if executable is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        await browser.close()


class Visit:
    """One page in Chromium, and what went wrong in it."""

    def __init__(self, page: Page, gateway: str) -> None:
        self.page, self.gateway = page, gateway
        self.asked: list[str] = []
        self.faults: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", lambda message: self._note(message.type, message.text))

    async def open(self, path: str) -> None:
        await self.page.goto(self.gateway + path)
        await self.page.locator("main > *").first.wait_for()

    def asked_for(self, path: str) -> int:
        return sum(url.removeprefix(self.gateway).startswith(path) for url in self.asked)

    def check(self) -> None:
        outside = [url for url in self.asked if not url.startswith((self.gateway, "data:"))]
        assert (self.faults, outside) == ([], [])

    def _note(self, kind: str, text: str) -> None:
        if kind == "error" and not text.startswith("Failed to load resource"):  # a status that the view explains
            self.faults.append(text)


@pytest.fixture
def visit(browser: Browser) -> Callable[..., object]:
    """Return a context manager that opens Chromium at a gateway's address."""

    @asynccontextmanager
    async def visiting(gateway: str, size: tuple[int, int] = DESKTOP) -> AsyncIterator[Visit]:
        page = await browser.new_page(viewport={"width": size[0], "height": size[1]})
        page.set_default_timeout(60_000)  # a busy machine
        visit = Visit(page, gateway)
        yield visit
        visit.check()
        await page.close()

    return visiting


@asynccontextmanager
async def running(gateway: Gateway, port: int = 0) -> AsyncIterator[str]:
    """Serve a gateway; yields its address. On leaving it is closed as a process that ends closes it."""
    stop, ready = Stop(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(gateway, Address("127.0.0.1", port, 0), stop, ready.set_result))
    yield f"http://127.0.0.1:{(await ready).port}"
    stop(skip_drain=True)
    await task


class Site:
    """A gateway over a bundle that was built, and where its ratings go."""

    def __init__(self, address: str, labels: Path) -> None:
        self.address, self.labels = address, labels


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    labels = tmp_path_factory.mktemp("explorer") / "labels"
    settings = read_settings(None, [*PATIENT, "cache.stored=false", f"explorer.labels={labels}"], {})
    async with running(load(tiny.bundles, settings)) as address:
        yield Site(address, labels)
