from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from pathlib import Path

import aiohttp
from bundle_twin import CALM, copy_bundles, twin
from gateway_process import gateway
from load import open_loop
from spoiling import DAMAGED, SEALED, sealed_cut, sealed_index, spoilt

SEED = 20_260
FOUND_BY_THE_CHECK = {"files", "load", "crash", "warmup"}  # `failed` and `changed` would come from the gateway itself


async def test_spoilt_bundles_are_refused_before_the_gateway_opens_them(tiny, tmp_path, long, report) -> None:
    whole = copy_bundles(tiny.bundles, tmp_path)
    twin(tmp_path, whole)
    # opening a bundle costs seconds, so fewer of them are of the kinds that only opening finds
    kinds = [*DAMAGED * 21, *SEALED * 5][:500] if long else [*DAMAGED[::3], sealed_cut, sealed_index]
    reasons, let_in, started, stop = Counter[str](), list[str](), time.monotonic(), asyncio.Event()
    with gateway(tmp_path, settings=CALM) as running:
        load = asyncio.create_task(open_loop(running.http, tiny.urls[:20], 10, 3600, stop))
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(120)) as session:
            for number, spoil in enumerate(kinds):
                name = spoilt(tmp_path, whole, number, spoil, SEED)
                async with session.post(f"{running.admin}/admin/bundle", json={"name": name}) as response:
                    answer = await response.json()
                reason = answer.get("type", "").rpartition("bundle-refused-")[2]
                reasons[reason] += 1
                if response.status != 409 or reason not in FOUND_BY_THE_CHECK:
                    let_in.append(f"{name} {spoil.__name__}: {answer}")
                _take_away(tmp_path, name)
        stop.set()
        replies = await load
        assert running.leave() == 0
    seconds = time.monotonic() - started
    failed = sum(not (reply.status == 200 and reply.body["bundle"] == whole) for reply in replies.each)
    found = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
    report(
        "corrupt bundles, one after another under load",
        "all refused before a native parser of the gateway sees them, 0 failed requests",
        f"{len(kinds)} offered in {seconds:.0f} s, {len(let_in)} accepted ({found}); {failed} of {len(replies)} failed",
    )
    assert (let_in, failed) == ([], 0)


def _take_away(bundles: Path, name: str) -> None:
    shutil.rmtree(bundles / name)
    for aside in bundles.glob(f"aside-{name}"):
        shutil.rmtree(aside) if aside.is_dir() else aside.unlink()
