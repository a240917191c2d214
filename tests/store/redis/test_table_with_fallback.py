"""Tables on a server, behind Sentinel and in a cluster: the same rows, with the bundle's own as fallback."""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from redis.asyncio.cluster import RedisCluster
from redis.crc import key_slot
from redis_servers import Cluster, RedisServer, cluster, free_ports, one_server, sentinel_set, until

from store.redis.circuit_breaker import Breaker, BreakerLimits
from store.redis.client import SocketLimits, connect, connected
from store.redis.guarded_call import Guard, Outcome
from store.redis.rows import ClusterRows, RedisRows, ServerRows
from store.redis.table_with_fallback import FallbackReason, RedisTable
from store.redis.url import parse
from store.tables import LmdbTable, key_prefix, packed, write_table

TAGGED = int.from_bytes(b"{{a}}b{}", "big")  # looks like a hash tag of a cluster
ROWS = {7: b"seven", 2**64 - 1: b"\x00\xff\n", 1: b"", 256: b"x" * 5000, TAGGED: b"tag"} | {
    key: str(key).encode() for key in range(1000, 1300)
}
BUNDLE = "20250101T000000Z-0123abcd"
CERTIFICATE = Path(__file__).parents[2] / "fakes" / "localhost.pem"  # for localhost, with its key


def keys(*values: int) -> np.ndarray:
    return np.array(values, np.uint64)


def push(url: str, rows: dict[int, bytes] = ROWS) -> None:
    with connected(parse(url)) as client:
        pipeline = client.pipeline(transaction=False)
        for key, row in rows.items():
            pipeline.set(key_prefix(BUNDLE, "things") + key.to_bytes(8, "big"), row)
        pipeline.execute()


@dataclass
class Opened:
    """A table, the outcomes of its calls and its fallbacks."""

    rows: RedisRows
    own: LmdbTable
    outcomes: list[Outcome]
    fallbacks: list[FallbackReason] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.table = RedisTable(self.rows, BUNDLE, self.own, self.fallbacks.append, lambda key, row: True)

    async def get(self, *values: int) -> list[bytes | None]:
        return await self.table.get_many(keys(*values))


Open = Callable[..., Opened]


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


async def test_rows_are_returned_in_the_order_of_the_keys(open_table: Open, url: str) -> None:
    opened = open_table(url)
    assert await opened.get(*ROWS) == list(ROWS.values())
    assert set(opened.outcomes) == {Outcome.ANSWERED}
    assert opened.fallbacks == []


async def test_a_written_row_is_readable_until_it_expires(open_table: Open, url: str) -> None:
    opened = open_table(url)
    await opened.get(7)  # makes a cluster client discover the nodes
    key = key_prefix(BUNDLE, "written") + url.encode()
    await opened.rows.write(key, b"row", 60.0)
    assert await opened.rows.read([key]) == [b"row"]
    await opened.rows.write(key, b"row", 0.001)
    while await opened.rows.read([key]) != [None]:
        pass


async def test_a_missing_key_gives_none_and_is_not_a_fallback(open_table: Open, url: str) -> None:
    opened = open_table(url)
    assert await opened.get(7, 8, 7) == [b"seven", None, b"seven"]
    assert opened.fallbacks == []


async def test_no_keys_give_no_rows_and_make_no_call(open_table: Open, url: str) -> None:
    opened = open_table(url)
    assert await opened.get() == []
    assert opened.outcomes == []


async def test_a_row_that_only_redis_has_is_returned(open_table: Open, url: str) -> None:
    push(url, {9: b"renewed"})
    assert await open_table(url).get(9) == [b"renewed"]


async def test_a_bundle_that_was_not_pushed_is_read_from_its_own_file(open_table: Open, tmp_path: Path) -> None:
    with one_server(tmp_path / "empty") as empty:
        opened = open_table(empty.url)
        assert await opened.get(7, 8) == [b"seven", None]
    assert opened.fallbacks == [FallbackReason.NOT_HELD]


async def test_a_malformed_row_is_read_from_the_bundle(open_table: Open, url: str) -> None:
    push(url, {7: b"seve", 1000: b"\0", 1001: b"\xff" * 80})
    opened = open_table(url)
    opened.table = RedisTable(
        opened.rows, BUNDLE, opened.own, opened.fallbacks.append, lambda key, row: row in ROWS.values()
    )
    try:
        assert await opened.get(7, 1000, 8, 1001, 256) == [b"seven", b"1000", None, b"1001", ROWS[256]]
    finally:
        push(url)
    assert opened.fallbacks == [FallbackReason.MALFORMED]


async def test_without_is_row_rows_must_equal_the_bundles_own(open_table: Open, url: str) -> None:
    push(url, {7: b"other"})
    opened = open_table(url)
    opened.table = RedisTable(opened.rows, BUNDLE, opened.own, opened.fallbacks.append)
    try:
        assert await opened.get(7, 256) == [b"seven", ROWS[256]]
    finally:
        push(url)
    assert opened.fallbacks == [FallbackReason.MALFORMED]


async def test_without_a_server_every_row_is_read_from_the_bundle(open_table: Open, tmp_path: Path) -> None:
    opened = open_table(f"unix://{tmp_path}/none.sock")
    assert await opened.get(7, 8) == [b"seven", None]
    assert (opened.outcomes, opened.fallbacks) == ([Outcome.FAILED], [FallbackReason.NOT_ANSWERED])


async def test_an_unreachable_cluster_is_waited_for_only_once(open_table: Open) -> None:
    opened = open_table(f"redis+cluster://127.0.0.1:{free_ports(1)[0]}")
    assert await opened.get(7) == await opened.get(7) == [b"seven"]
    assert (opened.outcomes, opened.fallbacks) == ([], [FallbackReason.NOT_ANSWERED] * 2)


async def test_a_wrong_password_is_a_failure(open_table: Open, server: RedisServer) -> None:
    opened = open_table(server.url.replace("redis://", "redis://me:wrong@"))
    assert await opened.get(7) == [b"seven"]
    assert opened.outcomes == [Outcome.FAILED]


@asynccontextmanager
async def behind_tls(server: RedisServer) -> AsyncIterator[int]:
    """A TLS port with a self-signed certificate in front of a server."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while part := await reader.read(65_536):
            writer.write(part)
        writer.close()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.gather(copy(reader, outer), copy(inner, writer))

    async with await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context) as listening:
        yield listening.sockets[0].getsockname()[1]


async def test_rows_are_read_over_tls_from_a_trusted_server(open_table: Open, server: RedisServer) -> None:
    push(server.url)
    async with behind_tls(server) as port:
        opened = open_table(f"rediss://localhost:{port}?ssl_ca_certs={CERTIFICATE}")
        assert await opened.get(7) == [b"seven"]
        assert opened.outcomes == [Outcome.ANSWERED]
        await opened.rows.close()


async def test_a_server_with_an_untrusted_certificate_is_not_used(open_table: Open, server: RedisServer) -> None:
    async with behind_tls(server) as port:
        opened = open_table(f"rediss://localhost:{port}")
        assert await opened.get(7) == [b"seven"]
    assert (opened.outcomes, opened.fallbacks) == ([Outcome.FAILED], [FallbackReason.NOT_ANSWERED])


async def test_a_hanging_server_is_not_waited_for(open_table: Open, tmp_path: Path) -> None:
    with one_server(tmp_path / "hangs") as hangs:
        push(hangs.url)
        opened = open_table(hangs.url, wait_s=0.05, failures=1)
        hangs.signal(signal.SIGSTOP)
        assert await opened.get(7) == await opened.get(7) == [b"seven"]
        hangs.signal(signal.SIGCONT)
    assert opened.outcomes == [Outcome.LATE, Outcome.NOT_MADE]


async def test_an_exhausted_connection_pool_is_not_waited_for(open_table: Open, tmp_path: Path) -> None:
    with one_server(tmp_path / "hangs") as hangs:
        push(hangs.url)
        opened = open_table(hangs.url, wait_s=0.05, connections=1, failures=9)
        hangs.signal(signal.SIGSTOP)
        assert await opened.get(7) == await opened.get(7) == [b"seven"]
        hangs.signal(signal.SIGCONT)
    assert opened.outcomes == [Outcome.LATE, Outcome.NO_CONNECTION]


async def test_a_restarted_server_is_read_again(open_table: Open, tmp_path: Path) -> None:
    with one_server(tmp_path / "dies") as dies:
        push(dies.url)
        dies.save()
        opened = open_table(dies.url)
        await opened.get(7)
        dies.kill()
        await opened.get(7)
        dies.start()
        assert await opened.get(7) == [b"seven"]
    assert opened.fallbacks == [FallbackReason.NOT_ANSWERED]
    assert opened.outcomes[-1] is Outcome.ANSWERED


async def test_rows_of_a_dead_node_are_read_from_the_bundle(open_table: Open, tmp_path: Path) -> None:
    with cluster(tmp_path / "cluster") as running:
        push(running.url)
        opened = open_table(running.url)
        await opened.get(*ROWS)
        opened.outcomes.clear()
        running.nodes[1].kill()
        assert await opened.get(*ROWS) == list(ROWS.values())
        assert sorted(opened.outcomes) == [Outcome.ANSWERED, Outcome.ANSWERED, Outcome.FAILED]
        assert opened.fallbacks == [FallbackReason.NOT_ANSWERED]


async def test_a_slot_that_moved_is_found_again(open_table: Open, tmp_path: Path) -> None:
    with cluster(tmp_path / "cluster") as running:
        opened = open_table(running.url)
        await opened.get(7)
        _move(running, key_prefix(BUNDLE, "things") + packed(keys(7))[0])
        push(running.url)
        opened.fallbacks.clear()
        assert await opened.get(7) == [b"seven"]  # asked of the old node, which replies MOVED
        assert opened.fallbacks == [FallbackReason.NOT_ANSWERED]
        await _renewed(opened)
        assert await opened.get(7) == [b"seven"]
        assert opened.fallbacks == [FallbackReason.NOT_ANSWERED]


async def _renewed(opened: Opened) -> None:
    assert isinstance(opened.rows, ClusterRows)
    assert opened.rows._renewing is not None
    await opened.rows._renewing


def _move(running: Cluster, key: bytes) -> None:
    """Move the key's slot, which is empty, to another node."""
    slot = key_slot(key)
    number = next(i for i in range(3) if slot < 16_384 * (i + 1) // 3)
    takes = running.nodes[(number + 1) % 3]
    with takes.client() as client:
        identity = client.execute_command("CLUSTER MYID").decode()
    for node in (takes, *running.nodes):
        with node.client() as client:
            client.execute_command("CLUSTER SETSLOT", slot, "NODE", identity)
            until("the slot moved", lambda c=client: _holder(c, slot) == takes.port)


def _holder(client, slot: int) -> int:
    return next(node[1] for first, last, node, *_ in client.execute_command("CLUSTER SLOTS") if first <= slot <= last)


async def test_after_a_failover_the_new_master_is_used(open_table: Open, tmp_path: Path) -> None:
    with sentinel_set(tmp_path) as running:
        push(running.url)
        opened = open_table(running.url)
        await opened.get(7)
        with running.replica.client() as replica:
            until("the replica has the rows", lambda: replica.dbsize() == len(ROWS))
            running.master.kill()
            assert await opened.get(7) == [b"seven"]
            until("the replica is the master", lambda: replica.info("replication")["role"] == "master")
        with running.sentinel.client() as sentinel:
            until(
                "the Sentinel names it",
                lambda: sentinel.sentinel_masters()["tables"]["port"] == running.replica.port,
            )
        opened.outcomes.clear()
        opened.fallbacks.clear()
        assert await opened.get(7) == [b"seven"]
        assert (opened.outcomes, opened.fallbacks) == ([Outcome.ANSWERED], [])
