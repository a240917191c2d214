from __future__ import annotations

import asyncio
import statistics
import time

from bundle_twin import CALM, copy_bundles, point, twin
from gateway_process import gateway
from load import open_loop
from swapping import Golden, footprint, until_live

URLS = 8  # an empty cache after a swap must not fill the cross-encoder's queue, whose limit is another test's matter
EVERY_S = 2.0


async def test_swaps_under_load_lose_mix_and_leak_nothing(tiny, tmp_path, long, report) -> None:
    names = [copy_bundles(tiny.bundles, tmp_path), ""]
    names[1] = twin(tmp_path, names[0])
    urls, seconds, golden = tiny.urls[:URLS], 300.0 if long else 5.0, Golden()
    times, weighed = list[float](), list[dict[str, int]]()
    with gateway(tmp_path, settings=CALM) as running:
        for name in (names[1], names[0]):
            point(tmp_path, name)
            await until_live(running, name)
            await golden.learn(running.http, urls)
        load = asyncio.create_task(open_loop(running.http, urls, rate=20, seconds=seconds))
        while not load.done() or len(times) % 2:
            due = time.monotonic() + EVERY_S
            point(tmp_path, names[(len(times) + 1) % 2])
            times.append(await until_live(running, names[(len(times) + 1) % 2]))
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if len(times) % 2 == 0:  # always on the same bundle
                weighed.append(footprint(running.pid))
        replies = await load
        assert running.leave() == 0
    errors = sum(reply.status != 200 for reply in replies.each)
    degraded = sum(reply.status == 200 and bool(reply.body["degraded"]) for reply in replies.each)
    mixed = sum(not golden.whole(reply) for reply in replies.each) - errors - degraded
    part = max(1, len(weighed) // 4)
    first, last = (statistics.median(weight["rss"] for weight in some) for some in (weighed[:part], weighed[-part:]))
    report(
        "swaps under load, every 2 s or as fast as they complete",
        "0 errors, 0 mixed answers, RSS grows by at most 2 %",
        f"{len(times)} swaps in {seconds:.0f} s, {len(replies)} answers: {errors} errors, {degraded} degraded, {mixed} "
        f"mixed; RSS {first / 1e6:.0f} MB in the first quarter, {last / first - 1:+.1%} in the last; a swap took "
        f"{statistics.median(times):.1f} s, {max(times):.1f} s at most; answers {replies.quantile(0.5) * 1e3:.0f} ms "
        f"(p50), {replies.quantile(0.99):.1f} s (p99); open files {weighed[0]['files']} to {weighed[-1]['files']}",
    )
    assert (errors, degraded, mixed) == (0, 0, 0)
    if long:  # a few swaps say nothing about memory
        assert last <= first * 1.02
    assert weighed[-1]["files"] <= weighed[0]["files"] + 3
