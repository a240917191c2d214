"""Redis that is down, hangs, refuses or moves its slots: rows come from the bundle, and from Redis again afterwards."""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.crc import key_slot
from redis_servers import Cluster, RedisServer, cluster, free_ports, one_server, sentinel_set, until

from store.redis.guarded_call import Outcome
from store.redis.rows import ClusterRows
from store.redis.table_with_fallback import FallbackReason
from store.tables import key_prefix, packed
from tests.store.redis.opened_table import BUNDLE, CERTIFICATE, ROWS, Open, Opened, keys, push


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


@pytest.mark.parametrize(
    ("options", "second"),
    [({"failures": 1}, Outcome.NOT_MADE), ({"failures": 9, "connections": 1}, Outcome.NO_CONNECTION)],
)
async def test_a_hanging_server_is_not_waited_for(
    open_table: Open, tmp_path: Path, options: dict[str, int], second: Outcome
) -> None:
    """Nor a connection of a pool whose only one hangs."""
    with one_server(tmp_path / "hangs") as hangs:
        push(hangs.url)
        opened = open_table(hangs.url, wait_s=0.05, **options)
        hangs.signal(signal.SIGSTOP)
        assert await opened.get(7) == await opened.get(7) == [b"seven"]
        hangs.signal(signal.SIGCONT)
    assert opened.outcomes == [Outcome.LATE, second]


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
