"""Redis dies, hangs or loses a node under load: answers come in time, and are complete soon after it recovers."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from gateway_process import gateway
from load import Replies, open_loop
from redis_servers import RedisServer, cluster, one_server, sentinel_set, until
from typer.testing import CliRunner

from cli.main import app
from pipeline.recall_steps import PATHS

_LEAST = 5.0  # pages of an answer
_BACK_S = 2.0
_TARGET = "≥ 99.9 % answered in time; complete within 2 s of its return"

#: No cache, so that every request reads its tables; few pairs, so that the cross-encoder is not what is measured.
_SETTINGS = (
    "cache.max_mb=0",
    "stage1.keep_top=5",
    "unknown.most=0",
    "read_timeout_ms=5000",
    *(f"{stage}.timeout_ms=5000" for stage in ("stage1", "stage2", "blend")),
    *(f"recall.{path}.timeout_ms=5000" for path in PATHS),
)


@dataclass(frozen=True)
class Times:
    """The lengths of a run, in seconds."""

    before: float
    fault: float
    after: float
    budget_ms: float
    rate: float  # requests a second: what two busy cores answer without a cache
    redis_ms: float  # that a read may take: longer than a busy machine lets a healthy server wait for its turn

    @property
    def whole(self) -> float:
        return self.before + self.fault + self.after


@pytest.fixture
def times(long: bool) -> Times:
    return Times(5.0, 20.0, 10.0, 100.0, 6.0, 12.0) if long else Times(0.5, 2.0, 3.0, 5000.0, 4.0, 500.0)


@dataclass
class Served:
    """A gateway that reads its tables from Redis."""

    http: str
    urls: list[str]
    log: Path

    async def under_load(self, times: Times, fault: Callable[[], Awaitable[float]]) -> tuple[Replies, float, float]:
        """Ask for pages while `fault` does its worst; return the replies, when it began, and when it was over."""
        load = asyncio.create_task(open_loop(self.http, self.urls, times.rate, times.whole))
        await asyncio.sleep(times.before)
        began = time.monotonic()
        over = await fault()
        return await load, began, over


def push(bundles: Path, url: str) -> None:
    done = CliRunner().invoke(app, ["push", "--bundles", str(bundles), "--redis", url])
    assert done.exit_code == 0, done.output


@pytest.fixture
def serve(tiny, tmp_path: Path, times: Times) -> Callable[[str], object]:
    """Starts a gateway on its own copy of the bundles, pushed to the Redis at a URL."""
    bundles = tmp_path / "bundles"
    tiny.link(bundles)

    @contextmanager
    def run(url: str) -> Iterator[Served]:
        push(bundles, url)
        limits = [f"redis.timeout_ms={times.redis_ms}", f"redis.socket_timeout_ms={times.redis_ms}"]
        settings = [*_SETTINGS, *limits, f"budget_ms={times.budget_ms}", f"max_budget_ms={times.budget_ms}"]
        log = tmp_path / "gateway.log"
        with gateway(bundles, "--redis", url, settings=settings, log=log) as running:
            yield Served(running.http, tiny.urls, log)
            assert running.leave() == 0

    return run


def judge(replies: Replies, began: float, over: float, times: Times, report, fault: str) -> None:
    """Check a run against its targets and report the measurements."""
    budget_s = times.budget_ms / 1e3
    in_time = replies.share(lambda reply: reply.status == 200 and reply.seconds <= budget_s)
    full = replies.share(lambda reply: reply.status == 200 and len(reply.body["recommendations"]) == _LEAST)
    lacking = [reply for reply in replies.each if reply.status == 200 and reply.body["degraded"]]
    during = replies.between(began, over)
    last = max((reply.started - over for reply in lacking), default=-1.0)
    helped = during.share(lambda reply: reply.status == 200 and "tables:local" in reply.body["degraded"])
    report(
        fault,
        _TARGET,
        f"{in_time:.2%} of {len(replies)} in time (slowest {replies.slowest():.2f} s), {full:.2%} with five pages; "
        f"{helped:.0%} of those during the fault used the bundle's tables; complete after {max(last, 0.0):.1f} s",
    )
    assert in_time >= 0.999
    assert full >= 0.999
    assert helped > 0  # otherwise the fault had no effect
    assert last <= _BACK_S, [reply.body["degraded"] for reply in lacking]
    assert all(reply.started >= began - budget_s for reply in lacking)


async def test_redis_is_killed_and_started_again(serve, times: Times, tmp_path: Path, report) -> None:
    with one_server(tmp_path / "redis") as redis, serve(redis.url) as served:
        redis.save()

        async def fault() -> float:
            redis.kill()
            await asyncio.sleep(times.fault)
            await asyncio.to_thread(redis.start)
            return time.monotonic()

        replies, began, over = await served.under_load(times, fault)
    judge(replies, began, over, times, report, "Redis killed (kill -9), started again with its data")


async def test_redis_comes_back_empty_and_is_pushed_again(serve, long, times: Times, tmp_path: Path, report) -> None:
    _only(long, "tests/pipeline/test_answers.py asks an empty Redis")
    with one_server(tmp_path / "redis") as redis, serve(redis.url) as served:

        async def fault() -> float:
            redis.kill()
            await asyncio.to_thread(redis.start)
            await asyncio.sleep(times.fault)
            await asyncio.to_thread(push, tmp_path / "bundles", redis.url)
            return time.monotonic()

        replies, began, over = await served.under_load(times, fault)
        assert "run `onward push` again" in served.log.read_text()
    judge(replies, began, over, times, report, "Redis killed, started empty, pushed again")


async def test_redis_hangs(serve, times: Times, tmp_path: Path, report) -> None:
    with one_server(tmp_path / "redis") as redis, serve(redis.url) as served:

        async def fault() -> float:
            redis.signal(signal.SIGSTOP)
            await asyncio.sleep(times.fault)
            redis.signal(signal.SIGCONT)
            return time.monotonic()

        replies, began, over = await served.under_load(times, fault)
    judge(replies, began, over, times, report, f"Redis hangs (SIGSTOP) for {times.fault:.0f} s")


async def test_a_master_of_a_cluster_is_killed(serve, times: Times, tmp_path: Path, report) -> None:
    with cluster(tmp_path / "cluster") as nodes, serve(nodes.url) as served:
        victim = nodes.nodes[1]
        victim.save()

        async def fault() -> float:
            victim.kill()
            await asyncio.sleep(times.fault)
            await asyncio.to_thread(_back, victim, nodes.wait_whole)
            return time.monotonic()

        replies, began, over = await served.under_load(times, fault)
    judge(replies, began, over, times, report, "one of three masters of a Redis cluster killed, started again")


async def test_sentinel_fails_over(serve, long, times: Times, tmp_path: Path, report) -> None:
    _only(long, "tests/store/redis/test_outages.py has a failover")
    with sentinel_set(tmp_path / "set") as redis, serve(redis.url) as served:
        with redis.replica.client() as replica, redis.master.client() as master:
            until("the replica holds all rows", lambda: replica.dbsize() == master.dbsize())

        async def fault() -> float:
            redis.master.kill()
            await asyncio.to_thread(_failed_over, redis.sentinel, redis.replica.port)
            return time.monotonic()

        replies, began, over = await served.under_load(times, fault)
    judge(replies, began, over, times, report, "the master of a Sentinel set killed, its replica promoted")


async def test_a_gateway_starts_without_redis(tiny, times: Times, tmp_path: Path, report) -> None:
    bundles = tmp_path / "bundles"
    tiny.link(bundles)
    redis = RedisServer(tmp_path / "redis", 1)  # where nothing listens
    started = time.monotonic()
    with gateway(bundles, "--redis", redis.url, settings=[*_SETTINGS, f"budget_ms={times.budget_ms}"]) as running:
        took = time.monotonic() - started
        replies = await open_loop(running.http, tiny.urls, times.rate, times.before)
        assert running.leave() == 0
    whole = replies.share(lambda reply: reply.status == 200 and len(reply.body["recommendations"]) == _LEAST)
    report(
        "a gateway starts while Redis is down",
        "ready, complete answers",
        f"ready after {took:.1f} s, {whole:.0%} complete",
    )
    assert whole == 1.0
    assert replies.share(lambda reply: reply.body["degraded"] == ["tables:local"]) == 1.0


def _only(long: bool, instead: str) -> None:
    if not long:
        pytest.skip(f"with --long alone: {instead}")


def _back(server: RedisServer, whole: Callable[[], None]) -> None:
    server.start()
    whole()


def _failed_over(sentinel: RedisServer, port: int) -> None:
    with sentinel.client() as client:
        until("the Sentinel names the replica", lambda: client.sentinel_masters()["tables"]["port"] == port)
