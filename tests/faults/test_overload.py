"""More than can be computed: what is answered stays as much, and in time; the rest is refused at once."""

from __future__ import annotations

import asyncio
import shutil
import time

import aiohttp
from gateway_process import gateway
from load import Replies, open_loop, send

BUDGET_S = 0.5
#: Cheap answers, so that the load comes from the same machine without being most of its work; nothing is kept.
SETTINGS = ["cache.max_mb=0", "unknown.most=0", "stage1.keep_top=5", f"budget_ms={BUDGET_S * 1e3}"]


def goodput(replies: Replies, seconds: float) -> float:
    """Return answers within the budget a second; the time on the caller's side counts."""
    return sum(reply.status == 200 and reply.seconds <= BUDGET_S for reply in replies.each) / seconds


async def peak(http: str, urls: list[str], seconds: float) -> float:
    """Return the best goodput of callers that wait for their answers: 1, 2, 4 and 8 of them."""
    best = 0.0
    for callers in (1, 2, 4, 8):
        best = max(best, goodput(await closed_loop(http, urls, callers, seconds), seconds))
    return best


async def closed_loop(http: str, urls: list[str], callers: int, seconds: float) -> Replies:
    """Ask with callers of whom each waits for its answer before it asks again."""
    replies, until = Replies(), time.monotonic() + seconds

    async def caller(session: aiohttp.ClientSession, number: int) -> None:
        while time.monotonic() < until:
            url = urls[number % len(urls)]
            number += callers
            replies.each.append(await send(session, f"{http}/recommend", {"url1": url}))

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(caller(session, number) for number in range(callers)))
    return replies


async def test_under_a_flood_goodput_stays(tiny, tmp_path, long, report) -> None:
    shutil.copytree(tiny.bundles, tmp_path / "bundles", ignore=shutil.ignore_patterns("work"))
    seconds = 20.0 if long else 3.0
    with gateway(tmp_path / "bundles", settings=SETTINGS) as running:
        best = await peak(running.http, tiny.urls, seconds / 2)
        for times in (3, 10):
            flood = await open_loop(running.http, tiny.urls, best * times, seconds)
            kept = goodput(flood, seconds) / best
            refused = Replies([reply for reply in flood.each if reply.status == 429])
            await asyncio.sleep(5.0 if long else 1.0)
            after = await open_loop(running.http, tiny.urls, best * 0.4, seconds / 2)
            normal = after.share(lambda reply: reply.status == 200 and reply.seconds <= BUDGET_S)
            said = (
                f"{kept:.0%} of {best:.0f} answers/s; {len(refused) / len(flood):.0%} refused, "
                f"in {refused.quantile(0.5) * 1e3:.0f} ms at the median; {normal:.1%} in time 5 s after"
            )
            report(f"{times} times the load", "≥ 90 % of peak goodput; normal after 5 s; 429 at once", said)
            statuses = {reply.status for reply in flood.each}
            assert statuses <= {200, 429}, statuses
            assert 429 in statuses
            assert kept > (0.9 if long else 0.02)  # the short form shares its cores with other tests
            assert normal > (0.99 if long else 0.5)
        assert running.leave() == 0


async def test_a_flood_of_what_is_known_is_no_overload(tiny, tmp_path) -> None:
    shutil.copytree(tiny.bundles, tmp_path / "bundles", ignore=shutil.ignore_patterns("work"))
    with gateway(tmp_path / "bundles", settings=["unknown.most=0", "budget_ms=5000"]) as running:
        for url in tiny.urls[:5]:
            await closed_loop(running.http, [url], 1, 0.01)
        replies = await open_loop(running.http, tiny.urls[:5], 300, 1.0)
        assert replies.share(lambda reply: reply.status == 200) == 1.0
