"""Two replicas behind a balancer, restarted in turn under load: callers that never retry see no failure.

gRPC clients are as they come: without a retry policy. What their core does by itself stays on: it sends a call that no
server has seen once more (gRFC A6, transparent retries).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import aiohttp
import grpc
from balancer import Balancer, Replica, balancer
from gateway_process import GatewayProcess, gateway

from service.pb import recommender_pb2 as pb
from service.pb.recommender_pb2_grpc import RecommenderStub

#: Answers come from the cache: what is tested is how connections end.
SETTINGS = ["unknown.most=0", "budget_ms=5000", "max_budget_ms=5000", "stage1.keep_top=5"]


class Fleet:
    """Two replicas, each in two balancers."""

    def __init__(self, bundles: Path, http: Balancer, over_grpc: Balancer) -> None:
        self._bundles, self._http, self._grpc = bundles, http, over_grpc
        self.running: list[tuple[ExitStack, GatewayProcess]] = []

    async def start(self) -> None:
        stack = ExitStack()
        replica = await asyncio.to_thread(stack.enter_context, gateway(self._bundles, settings=SETTINGS))
        self.running.append((stack, replica))
        self._http.replicas.append(Replica(replica.http, replica.http.removeprefix("http://")))
        self._grpc.replicas.append(Replica(replica.http, replica.grpc))

    async def stop(self) -> int:
        """Stop the older replica as an orchestrator does; its address goes when it has left."""
        stack, replica = self.running.pop(0)
        code = await asyncio.to_thread(replica.leave)
        for each in (self._http, self._grpc):
            each.replicas = [other for other in each.replicas if other.http != replica.http]
        stack.close()
        return code


async def http_caller(address: str, urls: list[str], pace_s: float, stop: asyncio.Event, came: Counter[str]) -> None:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(30)) as session:
        number = 0
        while not stop.is_set():
            number += 1
            try:
                async with session.post(f"http://{address}/recommend", json={"url1": urls[number % len(urls)]}) as got:
                    await got.read()
                    came[f"http {got.status}"] += 1
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                came[f"http {error!r}"] += 1
            await asyncio.sleep(pace_s)


async def grpc_caller(address: str, urls: list[str], pace_s: float, stop: asyncio.Event, came: Counter[str]) -> None:
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        stub, number = RecommenderStub(channel), 0
        while not stop.is_set():
            number += 1
            try:
                await stub.Recommend(pb.RecommendRequest(url1=urls[number % len(urls)]), timeout=30)
                came["grpc OK"] += 1
            except grpc.aio.AioRpcError as error:
                came[f"grpc {error.code().name} {error.details()}"] += 1
            await asyncio.sleep(pace_s)


async def test_rolling_restarts_lose_nothing(tiny, tmp_path, long, report) -> None:
    tiny.link(tmp_path / "bundles")
    restarts, callers, pace_s = (20, 12, 0.05) if long else (1, 3, 0.02)
    came: Counter[str] = Counter()
    stop, codes = asyncio.Event(), []
    async with AsyncExitStack() as stack:
        http, over_grpc = [await stack.enter_async_context(balancer()) for _ in range(2)]
        fleet = Fleet(tmp_path / "bundles", http, over_grpc)
        for _ in range(2):
            await fleet.start()
        urls = tiny.urls[:10]
        calling = [
            asyncio.create_task(caller(address, urls, pace_s, stop, came))
            for caller, address in ((http_caller, http.address), (grpc_caller, over_grpc.address))
            for _ in range(callers)
        ]
        try:
            done = 0
            while done < restarts or (long and came.total() < 50_000):
                await fleet.start()
                codes.append(await fleet.stop())
                done += 1
            stop.set()
            await asyncio.gather(*calling)
        finally:
            stop.set()
            while fleet.running:
                codes.append(await fleet.stop())
    failed = {what: count for what, count in came.items() if what not in ("http 200", "grpc OK")}
    report(
        "rolling restart",
        "0 failures in 50,000 requests and 20 restarts, without retries",
        f"{done} restarts, {came['http 200']:,} over HTTP, {came['grpc OK']:,} over gRPC, failed: {failed or 0}",
    )
    assert not failed, failed
    assert set(codes) == {0}
    assert came["http 200"] > 20 and came["grpc OK"] > 20
