"""The processes of `onward serve`: one, or several that share the ports by SO_REUSEPORT."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from urllib.parse import quote

from service.leaving import leave_hanging_threads, leave_within
from service.log import start_log
from service.server import Address, ServeError, Stop, bind, serve
from service.settings import Settings

_LINKS = 3
_JOIN_S = 1.0  # for threads that end by themselves
_LAST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Job:
    """All that a process needs to serve; it is sent to spawned ones."""

    bundles: Path
    bundle: str | None
    redis_url: str | None = field(repr=False)  # it may hold a password
    settings: Settings
    address: Address


def run(job: Job, announces: bool = True) -> None:
    """Serve in this process until a signal. Raises BundleError and ServeError."""
    import uvloop

    start_log(job.settings.server.log)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(job, announces))
    leave_hanging_threads(_JOIN_S)


def run_many(job: Job, workers: int) -> int:
    """Serve in `workers` processes until a signal; return the exit code.

    When one dies, the others are told to leave and the code is 1: who started us decides on a restart.
    Raises ServeError when a port is taken.
    """
    _probe(job.address, workers)
    context = multiprocessing.get_context("spawn")  # a fork after native libraries started threads can hang
    processes = [
        context.Process(target=_worker, args=(_numbered(job, number), number == 0)) for number in range(workers)
    ]
    for process in processes:
        process.start()
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True
        _terminate(processes)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    wait([process.sentinel for process in processes])
    died = not stopping
    if died:
        _terminate(processes)
    for process in processes:
        process.join()
    return int(died or any(process.exitcode for process in processes))


async def _serve(job: Job, announces: bool) -> None:
    from service.bootstrap import load

    stop = Stop()
    stop.on_signals()
    gateway = load(job.bundles, job.settings, redis_url=job.redis_url, bundle=job.bundle)

    def announce(address: Address) -> None:
        if announces:
            sys.stdout.write(greeting(address, gateway.bundle, gateway.live.bundle.warmup))
            sys.stdout.flush()

    leaving = asyncio.create_task(_leave_in_time(stop, job.settings))
    await serve(gateway, job.address, stop, announce)
    leaving.cancel()


async def _leave_in_time(stop: Stop, settings: Settings) -> None:
    await stop.asked.wait()
    server = settings.server
    leave_within(server.drain_s + server.grpc_moves_s + server.grace_s + _JOIN_S)


def greeting(address: Address, bundle: str, urls: tuple[str, ...]) -> str:
    """Return what a person reads when the gateway is ready: where it is, and three links to try."""
    host = _reachable(address.host)
    here = f"http://{host}:{address.port}"
    links = "".join(f"  {here}/recommend?url1={quote(url, safe='')}\n" for url in urls[:_LINKS])
    servers = f"HTTP {here} (try {here}/docs), gRPC {host}:{address.grpc_port}, admin {_admin_url(address)}"
    return f"Onward serves {bundle}\n  {servers}\n{links}"


def _reachable(host: str) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{host}]" if ":" in host else host


def _admin_url(address: Address) -> str:
    return f"http://{_reachable(address.admin_host)}:{address.admin_port}"


def _numbered(job: Job, number: int) -> Job:
    """Give each process an admin port of its own: what it counts and what is done to it is about it alone."""
    return replace(job, address=replace(job.address, admin_port=job.address.admin_port + number))


def _worker(job: Job, announces: bool) -> None:
    """Be one of several processes; an error that a user can mend is one line here too."""
    from service.commands.errors import one_line

    try:
        run(job, announces)
    except Exception as error:
        if (line := one_line(error)) is None:
            raise
        sys.stderr.write(f"{line}\n")
        sys.exit(1)


def _probe(address: Address, workers: int) -> None:
    """Refuse ports that another program has; with SO_REUSEPORT the kernel would let us share them unasked."""
    admin = [("--admin-port", address.admin_host, address.admin_port + number) for number in range(workers)]
    public = [("--port", address.host, address.port), ("--grpc-port", address.host, address.grpc_port)]
    for option, _, port in [*public, admin[0]]:
        if port == 0:
            raise ServeError(f"several workers need a fixed {option}: each would take a port of its own")
    if admin[-1][2] > _LAST_PORT:
        raise ServeError(f"each worker takes a port from --admin-port on: choose one up to {_LAST_PORT + 1 - workers}")
    for option, host, port in [*public, *admin]:
        bind(replace(address, host=host, port=port, shared=False), option).close()


def _terminate(processes: Sequence[BaseProcess]) -> None:
    for process in processes:
        if process.is_alive():
            process.terminate()
