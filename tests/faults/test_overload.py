"""More load than can be computed: goodput stays the same and in time; the rest is refused at once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path

from gateway_process import GatewayProcess, gateway

from benchmarks.http_load import Measured, closed_loop, open_loop, recommend

BUDGET_S = 0.5
#: Nothing is cached, so that every answer costs as much as the first.
SETTINGS = ["cache.max_mb=0", "cache.pairs=0", "unknown.most=0", f"budget_ms={BUDGET_S * 1e3}"]


@contextmanager
def gateway_on_other_cores(bundles: Path) -> Iterator[GatewayProcess]:
    """Start a gateway on all cores but the last, which is for the callers, so that they take no time from it."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {*cores[:-1]} or {*cores})  # child processes inherit it
    try:
        with gateway(bundles, settings=SETTINGS) as running:
            os.sched_setaffinity(0, {cores[-1]})
            yield running
    finally:
        os.sched_setaffinity(0, cores)


def in_time(measured: Measured) -> int:
    """Count the answers within the budget; the time on the caller's side counts."""
    both = zip(measured.statuses, measured.seconds, strict=True)
    return sum(status == 200 and seconds <= BUDGET_S for status, seconds in both)


async def peak(http: str, urls: list[str], number: int) -> float:
    """Return the best rate of answers in time to 1, 2, 4 or 8 callers, each waiting for its answer."""
    best = 0.0
    for callers in (1, 2, 4, 8):
        measured = await closed_loop(http, requests(http, urls, number), callers)
        best = max(best, in_time(measured) / measured.wall_s)
    return best


async def flood(http: str, urls: list[str], rate: float, seconds: float) -> Measured:
    """Send requests at a fixed rate, whether or not answers arrive."""
    return await open_loop(http, requests(http, urls, max(1, int(rate * seconds))), rate)


def requests(http: str, urls: list[str], number: int) -> list[bytes]:
    """Return `number` requests for the URLs in turn."""
    return [recommend(http, url) for url in islice(cycle(urls), number)]


async def test_under_a_flood_goodput_stays(tiny, tmp_path, long, report) -> None:
    tiny.link(tmp_path / "bundles")
    seconds = 20.0 if long else 3.0
    with gateway_on_other_cores(tmp_path / "bundles") as running:
        best = await peak(running.http, tiny.urls, 300 if long else 20)
        for times in (3, 10):
            flooded = await flood(running.http, tiny.urls, best * times, seconds)
            kept = in_time(flooded) / seconds / best
            refused = sorted(s for s, status in zip(flooded.seconds, flooded.statuses, strict=True) if status == 429)
            await asyncio.sleep(5.0 if long else 1.0)
            after = await flood(running.http, tiny.urls, best * 0.4, seconds / 2)
            normal = in_time(after) / len(after.seconds)
            median_ms = refused[len(refused) // 2] * 1e3 if refused else 0.0
            report(
                f"{times} times the load",
                "≥ 90 % of peak goodput; normal after 5 s; 429 immediately",
                f"{kept:.0%} of the peak of {best:.0f} answers/s; "
                f"{len(refused) / len(flooded.seconds):.0%} refused, in {median_ms:.1f} ms at the median; "
                f"{normal:.1%} in time 5 s after",
            )
            assert {*flooded.statuses} <= {200, 429}
            assert kept > 0 and normal > 0  # on a busy machine, no more is certain
            if long:
                assert kept >= 0.9
                assert normal >= 0.99
        assert not long or 429 in flooded.statuses
        assert running.leave() == 0


async def test_a_flood_of_cached_answers_is_not_refused(tiny, tmp_path) -> None:
    tiny.link(tmp_path / "bundles")
    with gateway(tmp_path / "bundles", settings=["unknown.most=0", "budget_ms=5000"]) as running:
        await closed_loop(running.http, requests(running.http, tiny.urls[:5], 5), 1)
        known = await flood(running.http, tiny.urls[:5], 300, 1.0)
        assert {*known.statuses} == {200}
