"""The processes of `onward serve`: one, or several that share the ports with SO_REUSEPORT."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import secrets
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path

from service.process.forced_exit import exit_despite_hanging_threads, exit_now, exit_within
from service.process.logging import start_log
from service.process.server import Address, ServeError, bind, serve
from service.process.shutdown import Stop
from service.process.startup_message import startup_message
from service.settings import Settings

log = logging.getLogger(__name__)

_JOIN_S = 1.0  # for threads that are about to end
_RESTART_S = 1.0  # before a worker is restarted: whatever ended it may end it again
_LAST_PORT = 65_535
_SPAWN = multiprocessing.get_context("spawn")  # a fork after native libraries started threads can hang


@dataclass(frozen=True, slots=True)
class Job:
    """Everything a process needs to serve; it is sent to spawned processes."""

    bundles: Path
    bundle: str | None
    redis_url: str | None = field(repr=False)  # it may contain a password
    settings: Settings
    address: Address
    secret: bytes = field(default_factory=partial(secrets.token_bytes, 32), repr=False)  # all workers sign with it


def run(job: Job, announces: bool = True, ready: Callable[[], None] = lambda: None) -> None:
    """Serve in this process until a signal; `ready` is called once it serves. Raises BundleError and ServeError."""
    start_log(job.settings.server.log)
    for number in (signal.SIGTERM, signal.SIGINT):  # while it loads there is nothing to finish
        signal.signal(number, lambda *_: exit_now("a signal arrived while it loaded"))
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(job, announces, ready))
    exit_despite_hanging_threads(_JOIN_S)


async def _serve(job: Job, announces: bool, ready: Callable[[], None]) -> None:
    from service.bootstrap import load

    gateway = load(job.bundles, job.settings, redis_url=job.redis_url, bundle=job.bundle, secret=job.secret)
    if announces and job.settings.feedback.enabled and not job.settings.feedback.key_file:
        log.warning("feedback.key_file is not set: answer IDs are forged to other replicas, and after a restart")
    stop = Stop()
    stop.on_signals()

    def announce(address: Address) -> None:
        ready()
        if announces:
            sys.stdout.write(startup_message(address, gateway.bundle, gateway.live.bundle.warmup))
            sys.stdout.flush()

    deadline = asyncio.create_task(_exit_in_time(stop, job.settings))
    await serve(gateway, job.address, stop, announce)
    deadline.cancel()


async def _exit_in_time(stop: Stop, settings: Settings) -> None:
    await stop.requested.wait()
    server = settings.server
    exit_within(server.drain_s + server.max_grpc_connection_s + server.grace_s + _JOIN_S)


def run_many(job: Job, workers: int) -> int:
    """Serve in `workers` processes until a signal; return the exit code.

    A worker that ends is restarted. If one of the first workers never becomes ready, all stop and the code is 1.
    Raises ServeError when a port is taken.
    """
    _probe(job.address, workers)
    start_log(job.settings.server.log)
    stopping = threading.Event()
    running = [_Worker(job, number) for number in range(workers)]

    def stop(*_: object) -> None:
        stopping.set()
        for worker in running:
            worker.process.terminate()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    failed = False
    while not stopping.is_set():
        wait([worker.process.sentinel for worker in running])
        for number, worker in enumerate(running):
            if stopping.is_set() or worker.process.is_alive():
                continue
            if not worker.served() and not worker.restarted:
                failed = True
                stop()
                break
            log.warning("worker %d (process %d) ended and is restarted", number, worker.process.pid)
            stopping.wait(_RESTART_S)
            running[number] = _Worker(job, number, restarted=True)
    stop()  # a worker may have been started when the signal arrived
    for worker in running:
        worker.process.join()
    return int(failed or any(worker.process.exitcode not in (0, -signal.SIGTERM) for worker in running))


class _Worker:
    """One of several processes."""

    def __init__(self, job: Job, number: int, restarted: bool = False) -> None:
        """Start it, with its own admin port: metrics and admin routes are those of one process."""
        own = replace(job, address=replace(job.address, admin_port=job.address.admin_port + number))
        self.restarted = restarted
        self._served, ready = _SPAWN.Pipe(duplex=False)
        self.process = _SPAWN.Process(target=_work, args=(own, number == 0, ready))
        self.process.start()
        ready.close()

    def served(self) -> bool:
        """Return whether it had become ready before it ended."""
        try:
            return bool(self._served.recv())
        except EOFError:
            return False


def _work(job: Job, announces: bool, ready: Connection) -> None:
    """Run as one of several processes; an error that the user can fix is one line here too."""
    from service.process.errors import one_line

    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        run(job, announces, lambda: ready.send(True))
    except Exception as error:
        if (line := one_line(error)) is None:
            raise
        sys.stderr.write(f"{line}\n")
        sys.exit(1)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101 -- this process was spawned
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def _probe(address: Address, workers: int) -> None:
    """Refuse ports that another program listens on: SO_REUSEPORT may share them silently."""
    admin = [("--admin-port", address.admin_host, address.admin_port + number) for number in range(workers)]
    public = [("--port", address.host, address.port), ("--grpc-port", address.host, address.grpc_port)]
    for option, _, port in [*public, admin[0]]:
        if port == 0:
            raise ServeError(f"several workers need a fixed {option}: with 0 each would pick its own port")
    if admin[-1][2] > _LAST_PORT:
        raise ServeError(f"worker N uses the port --admin-port + N: choose one up to {_LAST_PORT + 1 - workers}")
    for option, host, port in [*public, *admin]:
        bind(replace(address, host=host, port=port, shared=False), option).close()
