from __future__ import annotations

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from itertools import combinations

import numpy as np
from bundle_twin import CALM, copy_bundles, point, twin
from gateway_process import gateway
from load import Reply
from swapping import Golden, footprint, until_live

from benchmarks.http_load import connect, exchange, recommend

REQUESTS = int(os.environ.get("SOAK_REQUESTS", "1000000"))  # in the long form
AT_ONCE = 16


class Client:
    """Sends requests over a few connections, one at a time on each, and counts wrong answers."""

    def __init__(self, http: str, urls: list[str], golden: Golden, requests: int) -> None:
        self._http, self._golden = http, golden
        self._requests = [recommend(http, url) for url in urls]
        self._numbers: Iterator[int] = iter(range(requests))
        self._judged: dict[tuple[int, bytes], bool] = {}
        self.done = 0
        self.wrong: Counter[str] = Counter()

    async def run(self) -> None:
        await asyncio.gather(*(self._ask() for _ in range(AT_ONCE)))

    async def _ask(self) -> None:
        streams = await connect(self._http)
        for number in self._numbers:
            status, body = await exchange(*streams, self._requests[number % len(self._requests)])
            self.done += 1
            if not self._is_right(status, body):
                self.wrong[f"{status}: {body[:300]!r}"] += 1
        streams[1].close()

    def _is_right(self, status: int, body: bytes) -> bool:
        """Check each distinct answer once: apart from request-specific fields, most are the same bytes."""
        said = status, body.partition(b',"request_id"')[0]
        if said not in self._judged:
            self._judged[said] = self._golden.whole(Reply(0.0, 0.0, status, json.loads(body)))
        return self._judged[said]

    async def until(self, done: int) -> None:
        while self.done < done:  # noqa: ASYNC110 -- an event for every request would cost more than the request
            await asyncio.sleep(0.05)


async def test_memory_threads_and_files_stay_flat(tiny, tmp_path, long, report) -> None:
    requests, swaps = (REQUESTS, 50) if long else (1_500, 2)
    names = [copy_bundles(tiny.bundles, tmp_path), ""]
    names[1] = twin(tmp_path, names[0])
    urls, golden = tiny.urls[:20], Golden()
    with gateway(tmp_path, settings=CALM) as running:
        for name in (names[1], names[0]):
            point(tmp_path, name)
            await until_live(running, name)
            await golden.learn(running.http, urls)
        client = Client(running.http, urls, golden, requests)
        asking, started = asyncio.create_task(client.run()), time.monotonic()
        weighed: list[tuple[float, dict[str, int]]] = []
        for number in range(1, swaps + 1):
            await client.until(number * requests // (swaps + 1))
            if number % 2:  # always on the same bundle, some time after its swap
                weighed.append((time.monotonic() - started, footprint(running.pid)))
            point(tmp_path, names[number % 2])
            await until_live(running, names[number % 2])
        await asking
        weighed.append((time.monotonic() - started, footprint(running.pid)))
        assert running.leave() == 0
    settled = weighed[len(weighed) // 5 :] if long else weighed  # a cache that fills up is not a leak
    hours, rss = (np.array(column) for column in zip(*((s / 3600, f["rss"] / 1e6) for s, f in settled), strict=True))
    rises = [(b - a) / (t - s) for (s, a), (t, b) in combinations(zip(hours, rss, strict=True), 2)]
    slope = float(np.median(rises))  # of all pairs: robust to a measurement taken while two bundles were open
    grown = slope * (hours[-1] - hours[0])
    first, last = settled[0][1], settled[-1][1]
    one, two = (float(np.median(part)) for part in np.array_split(rss, 2))
    report(
        "soak test with swaps",
        "0 wrong answers; memory grows by at most 1 MB/h, or by less than 2 % during the test; threads and files flat",
        f"{client.done:,} requests, {swaps} swaps in {weighed[-1][0] / 60:.0f} min, {client.wrong.total()} wrong; "
        f"median RSS {one:.0f} MB in the first half, {two:.0f} MB in the second ({slope:+.1f} MB/h, "
        f"{grown / rss[0]:+.1%} in all), threads {first['threads']} to {last['threads']}, "
        f"files {first['files']} to {last['files']}",
    )
    assert (client.done, client.wrong) == (requests, Counter())
    # A short test still fills asyncio's pool, which starts its threads (cores + 4) when they are first needed.
    assert last["threads"] <= first["threads"] + (2 if long else 2 + (os.cpu_count() or 1) + 4)
    assert last["files"] <= first["files"] + 4
    if long:  # a short test exaggerates the slope: noise of a few megabytes is many per hour
        assert slope <= 1.0 or grown < 0.02 * rss[0]
