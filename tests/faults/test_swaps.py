from __future__ import annotations

import asyncio
import time

from bundle_twin import CALM, copy_bundles, point, twin
from gateway_process import gateway
from load import open_loop
from swapping import Golden, footprint, until_live

URLS = 20


async def test_swaps_under_load_lose_mix_and_leak_nothing(tiny, tmp_path, long, report) -> None:
    names = [copy_bundles(tiny.bundles, tmp_path), ""]
    names[1] = twin(tmp_path, names[0])
    urls, seconds, golden, swaps = tiny.urls[:URLS], 300.0 if long else 5.0, Golden(), 0
    with gateway(tmp_path, settings=CALM) as running:
        for name in (*names, *names, names[0]) if long else (*names, names[0]):  # so that first uses are paid for
            point(tmp_path, name)
            await until_live(running, name)
            await golden.learn(running.http, urls)
        before = footprint(running.pid)
        load = asyncio.create_task(open_loop(running.http, urls, rate=20, seconds=seconds))
        slowest = 0.0
        while not load.done():
            due = time.monotonic() + 2.0
            swaps += 1
            point(tmp_path, names[swaps % 2])
            slowest = max(slowest, await until_live(running, names[swaps % 2]))
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        replies = await load
        if swaps % 2:  # back to where it began, so that the same bundle is weighed twice
            point(tmp_path, names[0])
            await until_live(running, names[0])
        await golden.learn(running.http, urls)
        after = footprint(running.pid)
        assert running.leave() == 0
    grown = after["rss"] / before["rss"] - 1
    mixed = sum(not golden.whole(reply) for reply in replies.each)
    report(
        "A swap every 2 s under load",
        "0 errors, 0 mixed answers, RSS +2 % at most",
        f"{swaps} swaps in {seconds:.0f} s, {len(replies)} answers, {mixed} wrong, RSS {grown:+.1%}, "
        f"a swap took {slowest:.1f} s at most, answers {replies.quantile(0.5):.3f} / {replies.quantile(0.99):.2f} s "
        f"(p50 / p99); threads {before['threads']} to {after['threads']}, files {before['files']} to {after['files']}",
    )
    assert mixed == 0 and swaps >= 2
    assert grown < (0.02 if long else 0.1)
    assert after["files"] <= before["files"] + 3
