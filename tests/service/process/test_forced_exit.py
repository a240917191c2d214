from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from ports import free_ports

from service.pb import recommender_pb2 as pb
from service.pb.recommender_pb2_grpc import RecommenderStub
from service.process.server import Address, serve
from service.process.shutdown import Stop

ONWARD = [sys.executable, str(Path(__file__).parents[1] / "small_onward.py")]
URL1 = "https://site0.example/page/0"


def test_a_hanging_native_call_does_not_prevent_the_exit(make, tmp_path) -> None:
    settings = ("server.drain_s=0", "server.grace_s=1", "budget_ms=100", "max_budget_ms=100")
    ports = ("--port", "0", "--grpc-port", "0", "--admin-port", "0")
    command = [*ONWARD, "serve", "--bundles", str(tmp_path), *ports, *(f"--set={each}" for each in settings)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "SMALL_HANGS": "1"}
    ) as process:
        process.stdout.readline()
        address = process.stdout.readline().split()[1]
        answer = httpx.get(f"{address}/recommend", params={"url1": URL1}).json()
        process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        _, error = process.communicate(timeout=30)
    assert "stage1:timeout" in answer["degraded"]
    assert process.returncode == 0
    assert time.monotonic() - started < 15  # drain, grace and a second more, on a busy machine
    assert "exiting immediately" in error


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_loading_ends_the_process_at_once(make, tmp_path, workers: int, number: signal.Signals) -> None:
    first = free_ports(2 + workers)
    ports = ("--port", str(first), "--grpc-port", str(first + 1), "--admin-port", str(first + 2))
    command = [*ONWARD, "serve", "--bundles", str(tmp_path), *ports, "--workers", str(workers)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "SMALL_LOADS": "1"}
    ) as process:
        assert [process.stderr.readline() for _ in range(workers)] == ["loading\n"] * workers
        process.send_signal(number)
        out, error = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in error


async def test_a_stop_during_warm_up_does_not_wait_for_it(make) -> None:
    small, stop = make(warmup=(URL1,)), Stop()
    small.coclick.gate = asyncio.Event()
    serving = asyncio.create_task(serve(small.gateway, Address("127.0.0.1", 0, 0), stop, print))
    await small.coclick.called.wait()
    stop()
    await asyncio.wait_for(serving, 30)
    assert small.released == [True]


async def test_health_watches_do_not_prevent_the_shutdown(make, served) -> None:
    small = make("server.grace_s=3600")
    async with served(small.gateway) as server, grpc.aio.insecure_channel(server.grpc) as channel:
        watching = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert (await watching.read()).status == health_pb2.HealthCheckResponse.SERVING
        server.stop()
        assert (await watching.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        await asyncio.wait_for(server.task, 30)


async def test_a_call_in_flight_finishes_despite_health_watches(make, served) -> None:
    small = make("budget_ms=60000", "max_budget_ms=60000", "server.grpc_connection_s=0")
    small.coclick.gate = asyncio.Event()
    async with served(small.gateway) as server, grpc.aio.insecure_channel(server.grpc) as channel:
        watching = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        await watching.read()
        asked = asyncio.ensure_future(RecommenderStub(channel).Recommend(pb.RecommendRequest(url1=URL1)))
        await small.coclick.called.wait()
        server.stop()
        await watching.read()
        small.coclick.gate.set()
        assert (await asked).recommendations
        await asyncio.wait_for(server.task, 30)


@pytest.mark.parametrize(("seconds", "said"), [(0.01, "printed\n"), (3600, "printed\n")])
def test_the_exit_waits_for_threads_that_end_and_not_for_those_that_hang(seconds, said) -> None:
    code = (
        "import threading, time; from service.process.forced_exit import exit_despite_hanging_threads;"
        "print('printed');"
        f"threading.Thread(target=time.sleep, args=({seconds},)).start(); exit_despite_hanging_threads(0.5)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == said
    assert ("hangs" in done.stderr) == (seconds > 1)
