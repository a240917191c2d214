"""A host page: a site on an origin of its own, in Chromium, with the widget of a gateway that serves."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser, Page
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from tests.service.conftest import URLS, Small
from tests.service.events.conftest import feedback, rows  # noqa: F401 -- fixtures
from tests.service.explorer.conftest import DESKTOP, browser  # noqa: F401 -- fixtures

CANONICAL = URLS[0]
RESERVED = "onward-next { display: block; block-size: 38.5rem }"
_TIMERS = """
  window.timers = new Map();
  const [set, clear] = [setTimeout, clearTimeout];
  window.setTimeout = (run, ms) => (ms == 1000 ? timers.set(timers.size + 1, run).size : set(run, ms));
  window.clearTimeout = (timer) => (timers.delete(timer) ? undefined : clear(timer));
"""
BELOW = "<p id=below>What stands below.</p>"


@dataclass
class Host:
    """The site: its pages by path, their headers, and the paths that a browser prefetched."""

    address: str = ""
    pages: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    prefetched: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    style: str = RESERVED

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if "prefetch" in request.headers.get("sec-purpose", ""):
            self.prefetched.put_nowait(request.url.path)
        await self._response(request.url.path)(scope, receive, send)

    def _response(self, path: str) -> Response:
        if path == "/style.css":
            return PlainTextResponse(self.style, media_type="text/css")
        if path == "/favicon.ico":
            return Response(status_code=204)
        return HTMLResponse(self.pages.get(path, "<!doctype html><title>Another page</title>"), headers=self.headers)


@pytest_asyncio.fixture(loop_scope="module")
async def host() -> AsyncIterator[Host]:
    host = Host()
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(host, log_level="critical", lifespan="off", timeout_graceful_shutdown=5))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    host.address = f"http://localhost:{listening.getsockname()[1]}"
    yield host
    server.should_exit = True
    await serving


class Visit:
    """The host page in Chromium, what it asked the gateway for, and what went wrong in it."""

    def __init__(self, page: Page, host: Host, gateway: str, small: Small) -> None:
        self.page, self.host, self.gateway, self.small = page, host, gateway, small
        self.asked: list[str] = []
        self.faults: list[str] = []
        self.recorded: asyncio.Queue[list[dict[str, Any]]] = asyncio.Queue()
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", lambda message: self._note(message.type, message.text))
        self._follow_events()

    def html(self, element: str = "<onward-next></onward-next>", head: str = "", canonical: str = CANONICAL) -> str:
        link = f'<link rel="canonical" href="{canonical}">' if canonical else ""
        return (
            f'<!doctype html><html lang="en"><head><title>A page</title>{link}{head}'
            '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/style.css">'
            f'<script src="{self.gateway}/widget.js" async></script></head>'
            f"<body><main><h1>A page</h1><p>Text.</p>{element}{BELOW}</main></body></html>"
        )

    async def open(self, *element: str, path: str = "/", **more: str) -> None:
        self.host.pages[path] = self.html(*element, **more)
        await self.page.goto(self.host.address + path)

    async def hold_timer(self) -> None:
        """Keep the timer of a list that is being seen, for `pending` and `fire`; before the page is opened."""
        await self.page.add_init_script(_TIMERS)

    async def pending(self, timers: int) -> None:
        """Wait until so many lists are being seen."""
        await self.page.wait_for_function(f"timers.size == {timers}")

    async def fire(self) -> None:
        """Let the second pass."""
        await self.page.evaluate("[...timers.values()].forEach((run) => run())")

    async def cards(self) -> list[str]:
        await self.page.locator("onward-next a").first.wait_for()
        return await self.page.locator("onward-next a").all_inner_texts()

    async def settled(self) -> None:
        """Wait until the element has its cards, or has given up, and the page was drawn."""
        await self.page.wait_for_function("customElements.get('onward-next') && document.readyState == 'complete'")
        await self.page.wait_for_load_state("networkidle")
        await self.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def asked_for(self, path: str) -> list[str]:
        return [url for url in self.asked if url.startswith(self.gateway + path)]

    async def events(self) -> list[dict[str, Any]]:
        """Return the next batch of events that the gateway has recorded."""
        async with asyncio.timeout(60):
            return await self.recorded.get()

    def _follow_events(self) -> None:
        recorder = self.small.gateway.recorder
        if recorder is None:
            return
        record = recorder.record

        async def following(events: list[dict[str, Any]]) -> Any:
            results = await record(events)
            assert [result.status for result in results] == ["accepted"] * len(events)
            self.recorded.put_nowait(events)
            return results

        recorder.record = following  # type: ignore[method-assign,assignment]

    def _note(self, kind: str, text: str) -> None:
        if kind == "error" and not text.startswith(("Failed to load resource", "Access to fetch")):  # Chromium's own
            self.faults.append(text)


@pytest.fixture
def visit(browser: Browser, feedback, served, host: Host) -> Callable[..., Any]:  # noqa: F811
    """Return a context manager: a gateway that allows the host's origin, and Chromium on the host."""

    @asynccontextmanager
    async def visiting(
        *settings: str, origins: str = "", size: tuple[int, int] = DESKTOP, **context: Any
    ) -> AsyncIterator[Visit]:
        small = feedback(f'cors.origins=["{origins or host.address}"]', *settings)
        context_ = await browser.new_context(viewport={"width": size[0], "height": size[1]}, **context)
        async with served(small.gateway) as server:
            page = await context_.new_page()
            page.set_default_timeout(60_000)  # a busy machine
            await page.route("https://*.example/**", lambda route: route.fulfill(body="", content_type="text/html"))
            visit = Visit(page, host, server.http, small)
            try:
                async with asyncio.timeout(120):  # a script in the page has no limit of its own
                    yield visit
            finally:
                await context_.close()
            assert visit.faults == []

    return visiting
