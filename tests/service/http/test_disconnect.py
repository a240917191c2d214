from __future__ import annotations

import asyncio
from urllib.parse import quote, urlsplit

from tests.service.conftest import URLS


async def until(small, line: str) -> None:
    """Wait for a line in the metrics by polling: metrics send no event."""
    async with asyncio.timeout(10):
        while line not in small.gateway.metrics.text().decode():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_disconnect_cancels_the_computation(make, served) -> None:
    small = make("budget_ms=60000")
    small.coclick.gate = asyncio.Event()
    async with served(small.gateway) as running:
        parts = urlsplit(running.http)
        _, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(f"GET /recommend?url1={quote(URLS[0], safe='')} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await small.coclick.called.wait()
        writer.close()
        await until(small, "onward_running 0.0")


async def test_a_computation_that_another_caller_waits_for_continues(make, served) -> None:
    small = make("budget_ms=60000")
    small.coclick.gate = asyncio.Event()
    async with served(small.gateway) as running:
        parts = urlsplit(running.http)
        request = f"GET /recommend?url1={quote(URLS[0], safe='')} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        _, leaves = await asyncio.open_connection(parts.hostname, parts.port)
        reader, stays = await asyncio.open_connection(parts.hostname, parts.port)
        leaves.write(request)
        await small.coclick.called.wait()
        stays.write(request)
        await until(small, 'onward_cache_total{result="joined"} 1.0')
        leaves.close()
        small.coclick.gate.set()
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        stays.close()
    assert small.coclick.calls == 1
