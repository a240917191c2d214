"""Redis as it is deployed, filled with rows, and tables opened on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis.asyncio.cluster import RedisCluster
from redis_servers import Cluster, RedisServer, cluster, one_server, sentinel_set

from store.redis.circuit_breaker import Breaker, BreakerLimits
from store.redis.client import SocketLimits, connect
from store.redis.guarded_call import Guard, Outcome
from store.redis.rows import ClusterRows, RedisRows, ServerRows
from store.redis.url import parse
from store.tables import LmdbTable, write_table
from tests.store.redis.opened_table import ROWS, Open, Opened, push


@pytest.fixture
async def open_table(tmp_path: Path) -> AsyncIterator[Open]:
    """Opens the table at a URL, with its own file as fallback."""
    opened: list[Opened] = []
    write_table(tmp_path / "things.lmdb", ROWS.items())
    own = LmdbTable(tmp_path / "things.lmdb")

    def open_at(url: str, wait_s: float = 10.0, connections: int = 16, failures: int = 3) -> Opened:
        outcomes: list[Outcome] = []

        def guard(name: str) -> Guard:
            return Guard(name, wait_s, Breaker(BreakerLimits(failures, 60.0, 0.05)), outcomes.append)

        client = connect(parse(url), SocketLimits(10.0, 10.0, connections))
        rows: RedisRows = (
            ClusterRows(client, guard, wait_s, renew_s=0.0)
            if isinstance(client, RedisCluster)
            else ServerRows(client, guard(""))
        )
        opened.append(Opened(rows, own, outcomes))
        return opened[-1]

    yield open_at
    for each in opened:
        await each.rows.close()
    own.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with one_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def three_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="module", params=["server", "password", "cluster", "sentinel"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Every kind of Redis deployment, filled with the rows."""
    directory = tmp_path_factory.mktemp("redis")
    with ExitStack() as stack:
        if request.param == "server":
            url = request.getfixturevalue("server").url
        elif request.param == "cluster":
            url = request.getfixturevalue("three_nodes").url
        elif request.param == "sentinel":
            url = stack.enter_context(sentinel_set(directory)).url
        else:
            locked = stack.enter_context(one_server(directory))
            with locked.client() as client:
                client.acl_setuser("me", enabled=True, passwords=["+p@ss"], categories=["+@all"], keys=["onward:*"])
            url = locked.url.replace("redis://", "redis://me:p%40ss@")
        push(url)
        yield url
