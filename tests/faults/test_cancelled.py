"""Callers that go away at any moment: nobody gets another one's answer, and nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import urllib.request

import aiohttp
from gateway_process import gateway
from load import open_loop

AT_A_TIME = 64
WAIT = 0.2  # the share of callers that do not go away
#: Answers so cheap that most of the time is spent where a caller may go away.
SETTINGS = ["stage1.keep_top=1", "unknown.most=0", "budget_ms=2000"]


async def ask(session: aiohttp.ClientSession, http: str, url: str, after_s: float | None) -> str:
    """Ask for a page that nobody else asks for, and go away after a while or wait; return what came of it."""
    try:
        async with (
            asyncio.timeout(after_s),
            session.get(f"{http}/recommend", params={"url1": url}, headers={"x-request-id": url[-10:]}) as response,
        ):
            body = await response.json(content_type=None)
    except TimeoutError:
        return "cancelled"
    if response.status == 429:
        return "refused"
    right = response.status == 200 and body["url1"] == url and body["request_id"] == url[-10:]
    return "right" if right else f"wrong: {body}"


async def go_away(http: str, urls: list[str], number: int) -> dict[str, int]:
    """Send `number` requests, each with its own key, and cancel at random moments; some wait to see what they get."""
    chance, came = random.Random(1), dict[str, int]()
    left = iter(range(number))
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def caller() -> None:
            for each in left:
                url = f"{urls[each % len(urls)]}?n={each:010d}" if each % 2 else f"https://new.example/{each:012d}"
                after_s = None if chance.random() < WAIT else chance.expovariate(1 / 0.02)
                what = await ask(session, http, url, after_s)
                came[what] = came.get(what, 0) + 1

        await asyncio.gather(*(caller() for _ in range(AT_A_TIME)))
    return came


def gauge(admin: str, name: str) -> float:
    with urllib.request.urlopen(f"{admin}/metrics", timeout=10) as response:
        found = re.search(rf"^{name} (\S+)$", response.read().decode(), re.MULTILINE)
    assert found is not None
    return float(found[1])


async def settled(admin: str) -> dict[str, float]:
    """Return what is still held once the gateway had time to let go."""
    names = ("onward_running", "onward_waiting", "onward_connections", "onward_tasks")
    held: dict[str, float] = {}
    for _ in range(100):
        held = {name: await asyncio.to_thread(gauge, admin, name) for name in names}
        if held["onward_running"] == held["onward_waiting"] == held["onward_connections"] == 0:
            break
        await asyncio.sleep(0.1)
    return held


async def test_callers_that_go_away_leave_nothing(tiny, tmp_path, long, report) -> None:
    tiny.link(tmp_path / "bundles")
    number = 100_000 if long else 600
    with gateway(tmp_path / "bundles", settings=SETTINGS) as running:
        await go_away(running.http, tiny.urls, 50)
        before = await settled(running.admin)
        came = await go_away(running.http, tiny.urls, number)
        after = await settled(running.admin)
        wrong = {what: count for what, count in came.items() if what.startswith("wrong")}
        replies = await open_loop(running.http, tiny.urls[:10], rate=10, seconds=1.0)
        with contextlib.suppress(KeyError):
            del after["onward_waiting"], before["onward_waiting"]
        assert running.leave() == 0
    report(
        "cancelled requests",
        "0 wrong answers; 0 connections and tasks leaked",
        f"{number:,} requests, {came.get('cancelled', 0):,} cancelled, {came.get('right', 0):,} answered, "
        f"{came.get('refused', 0):,} refused, {sum(wrong.values())} wrong; held afterwards: "
        + ", ".join(f"{name.removeprefix('onward_')} {value:g}" for name, value in after.items()),
    )
    assert not wrong
    assert came.get("cancelled", 0) > number / 10
    assert came.get("right", 0) > number / 100
    assert after == before
    assert replies.share(lambda reply: reply.status == 200) == 1.0
