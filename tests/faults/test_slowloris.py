"""Callers that send a byte now and then, to hold connections: they are cut, and everybody else is served."""

from __future__ import annotations

import asyncio
import time

from gateway_process import gateway
from load import open_loop

RECEIPT_S = 2
HEAD = b"GET /recommend?url1=https://a.example/ HTTP/1.1\r\nHost: a\r\n"
BODY = b"POST /recommend HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 200000\r\n\r\n"


async def dribble(host: str, port: int, head: bytes, drop: bytes) -> tuple[float, bytes]:
    """Send a little every 100 ms; return after how long the connection was closed, and what was said."""
    started = time.monotonic()
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except ConnectionError:
        return time.monotonic() - started, b""
    try:
        answered = asyncio.create_task(reader.read())
        writer.write(head)
        while not answered.done():
            writer.write(drop)
            await asyncio.wait([answered], timeout=0.1)
        return time.monotonic() - started, answered.result()
    except ConnectionError:
        return time.monotonic() - started, b""
    finally:
        writer.close()


async def test_slow_callers_are_cut_and_the_others_are_served(tiny, tmp_path, long, report) -> None:
    tiny.link(tmp_path / "bundles")
    number = 900 if long else 60
    settings = [f"server.receipt_s={RECEIPT_S}", "budget_ms=5000", "unknown.most=0"]
    with gateway(tmp_path / "bundles", settings=settings) as running:
        host, _, port = running.http.removeprefix("http://").partition(":")
        kinds = [(HEAD, b"X-A: b\r\n"), (BODY, b" "), (b"", b"\r\n"), (b"", b"")]
        slow = [asyncio.create_task(dribble(host, int(port), *kinds[each % 4])) for each in range(number)]
        others = await open_loop(running.http, tiny.urls[:5], rate=20, seconds=RECEIPT_S)
        seconds, said = zip(*await asyncio.gather(*slow), strict=True)
        assert running.leave() == 0
    served = others.share(lambda reply: reply.status == 200)
    report(
        "slowloris",
        f"connections closed after {RECEIPT_S} s; others served",
        f"{number} connections closed after at most {max(seconds):.1f} s; {served:.1%} of the others answered, "
        f"99 % within {others.quantile(0.99) * 1e3:.0f} ms",
    )
    assert min(seconds) > RECEIPT_S * 0.9
    assert max(seconds) < RECEIPT_S + 15
    assert sum(b" 408 " in each[:20] for each in said) > 0.9 * number
    assert served == 1.0
