from __future__ import annotations

import asyncio
import select
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import pytest
from ports import free_port, free_ports

from service.process.server import Address, ServeError, serve
from service.process.shutdown import Stop
from service.process.startup_message import startup_message
from service.process.workers import Job, run_many
from service.settings import Settings

URL1 = "https://site0.example/page/0"
ONWARD = [sys.executable, str(Path(__file__).parents[1] / "small_onward.py")]


@pytest.fixture
def taken():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def command(bundles: Path, *options: object) -> list[str]:
    return [*ONWARD, "serve", "--bundles", str(bundles), "--set", "server.drain_s=0", *map(str, options)]


@pytest.mark.parametrize("which", ["port", "grpc_port", "admin_port"])
async def test_a_taken_port_is_an_error_that_names_the_option(make, taken, which) -> None:
    address = replace(Address("127.0.0.1", 0, 0), **{which: taken})
    with pytest.raises(ServeError, match=f"another --{which.replace('_', '-')}"):
        await serve(make().gateway, address, Stop(), print)


async def test_requests_in_flight_finish_and_all_resources_are_released(make, served) -> None:
    small = make()
    small.coclick.gate = asyncio.Event()
    async with served(small.gateway) as server, httpx.AsyncClient(base_url=server.http) as client:
        asked = asyncio.create_task(client.get("/recommend", params={"url1": URL1}))
        await small.coclick.called.wait()
        server.stop()
        small.coclick.gate.set()
        assert (await asked).status_code == 200
        await server.task
    assert small.released == [True]


async def test_while_draining_it_is_not_ready_and_still_answers(make, served) -> None:
    async with served(make("server.drain_s=60").gateway) as server, httpx.AsyncClient(base_url=server.http) as client:
        server.stop()
        assert (await client.get("/readyz")).status_code == 503
        answer = await client.get("/recommend", params={"url1": URL1})
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")


async def test_warm_up_urls_are_answered_before_the_gateway_is_ready(make, served) -> None:
    small = make(warmup=(URL1, "no url"))
    async with served(small.gateway):
        assert small.coclick.calls == 3  # cold, for an unknown page, and as a request


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_ends_it_with_exit_code_0(make, tmp_path, workers) -> None:
    port, grpc_port = free_port(), free_port()
    options = ("--port", port, "--grpc-port", grpc_port, "--admin-port", free_ports(workers), "--workers", workers)
    with subprocess.Popen(
        command(tmp_path, *options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        lines = [process.stdout.readline() for _ in range(5)]
        assert lines[0].startswith("Onward serves 2025")
        links = [line.strip() for line in lines[2:]]
        assert all(httpx.get(link).json()["recommendations"] for link in links)
        process.send_signal(signal.SIGTERM)
        out, error = process.communicate(timeout=30)
    assert (process.returncode, out, error) == (0, "", "")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_taken_port_is_one_line_and_exit_code_1(make, tmp_path, taken, workers) -> None:
    ports = ("--grpc-port", free_port(), "--admin-port", free_ports(workers))
    options = ("--port", taken, *ports, "--workers", workers)
    done = subprocess.run(command(tmp_path, *options), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"cannot listen on 127.0.0.1:{taken}" in done.stderr


@pytest.fixture
def two_workers(make, tmp_path):
    """A gateway of two processes that is ready; whatever is left of it is killed."""
    first = free_ports(4)
    ports = ("--port", first, "--grpc-port", first + 1, "--admin-port", first + 2)
    process = psutil.Popen(
        command(tmp_path, *ports, "--workers", 2), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline().startswith("Onward serves")
        for admin in (first + 2, first + 3):
            until_ready(f"http://127.0.0.1:{admin}")
        yield process, first
    finally:
        for left in [*process.children(recursive=True), process] if process.is_running() else []:
            left.kill()
        process.communicate()


def until_ready(admin: str) -> None:
    for _ in range(600):
        with suppress(httpx.TransportError):
            if httpx.get(f"{admin}/readyz").status_code == 200:
                return
        select.select([], [], [], 0.05)
    raise AssertionError(f"{admin} is not ready")


def listens_on(process: psutil.Process, port: int) -> bool:
    return any(found.laddr.port == port for found in process.net_connections() if found.status == "LISTEN")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_that_ends_is_restarted(two_workers, number) -> None:
    process, first = two_workers
    ended = next(child for child in process.children() if listens_on(child, first + 3))
    ended.send_signal(number)
    ended.wait(30)
    until_ready(f"http://127.0.0.1:{first + 3}")
    assert process.is_running()
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 0
    assert f"worker 1 (process {ended.pid}) ended" in error


def test_workers_end_with_their_parent(two_workers) -> None:
    process, _ = two_workers
    workers = process.children(recursive=True)
    process.kill()
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert alive == []


def test_a_worker_that_never_becomes_ready_stops_all(make, tmp_path) -> None:
    (tmp_path / "pages.lmdb").unlink()
    first = free_ports(4)
    ports = ("--port", first, "--grpc-port", first + 1, "--admin-port", first + 2)
    done = subprocess.run(
        command(tmp_path, *ports, "--workers", 2), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1


async def test_metrics_are_only_on_the_admin_port_and_health_on_both(make, served) -> None:
    async with served(make().gateway) as server, httpx.AsyncClient() as client:
        assert (await client.get(f"{server.admin}/metrics")).text.startswith("# HELP onward_requests")
        assert (await client.get(f"{server.http}/metrics")).status_code == 404
        for path in ("/healthz", "/readyz"):
            assert [(await client.get(each + path)).status_code for each in (server.http, server.admin)] == [200, 200]


def test_workers_need_enough_admin_ports(make, tmp_path) -> None:
    job = Job(tmp_path, None, None, Settings(), Address("127.0.0.1", 1, 1, True, admin_port=65_535))
    with pytest.raises(ServeError, match="choose one up to 65534"):
        run_many(job, 2)


def test_the_startup_message_has_three_links() -> None:
    text = startup_message(Address("0.0.0.0", 8000, 50051), "name", ("https://a.example/?b=c&d#e",) * 4)
    assert text.count("http://127.0.0.1:8000/recommend?url1=https%3A%2F%2Fa.example%2F%3Fb%3Dc%26d%23e\n") == 3


def test_the_gateway_imports_no_training_library() -> None:
    code = (
        "import sys, service.http.app, service.grpc.servicer, service.answers.recommender, service.process.workers;"
        "print([name for name in ('torch', 'duckdb', 'pandas', 'transformers', 'pyarrow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
