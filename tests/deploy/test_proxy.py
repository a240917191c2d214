"""The real proxy configuration in front of two real gateways; only the addresses are replaced."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest
from gateway_process import gateway
from image import ROOT

from service.pb import recommender_pb2 as pb
from service.pb.recommender_pb2_grpc import RecommenderStub

pytestmark = pytest.mark.skipif(shutil.which("haproxy") is None, reason="haproxy is not installed here")

DRAINS = ["server.drain_s=3", "budget_ms=5000"]  # as in compose.yaml


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def bundles(tiny, tmp_path) -> Path:
    return tiny.link(tmp_path / "bundles")


@pytest.fixture
def fleet(bundles, tmp_path) -> Iterator[tuple]:
    """Two gateways and the proxy's HTTP and gRPC addresses."""
    with gateway(bundles, settings=DRAINS) as one, gateway(bundles, settings=DRAINS) as two:
        text = (ROOT / "deploy/haproxy.cfg").read_text()
        text = text.replace(" resolvers docker init-addr last,libc,none", "").replace("parse-resolv-conf", "")
        for name, running in (("gateway-1", one), ("gateway-2", two)):
            http = running.http.removeprefix("http://")
            text = text.replace(f"{name}:8000", http).replace(f"{name}:50051", running.grpc)
            grpc_line = f"{running.grpc} proto h2 check port 8000"
            text = text.replace(grpc_line, grpc_line.replace("8000", http.rpartition(":")[2]))
        ports = _free_port(), _free_port()
        for old, new in zip((":8000", ":50051"), ports, strict=True):
            text = text.replace(f"bind {old}", f"bind 127.0.0.1:{new}")
        (tmp_path / "haproxy.cfg").write_text(text)
        log = (tmp_path / "haproxy.log").open("w")
        with subprocess.Popen(["haproxy", "-f", tmp_path / "haproxy.cfg"], stdout=log, stderr=log) as proxy:
            try:
                yield one, two, f"http://127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[1]}"
            finally:
                proxy.kill()
                log.close()


def _ready(http: str) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            if httpx.get(f"{http}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        threading.Event().wait(0.1)
    raise AssertionError("the proxy found no ready gateway")


@pytest.mark.parametrize("leaves", [signal.SIGTERM, signal.SIGKILL])
def test_no_request_fails_when_a_gateway_stops(fleet, tiny, leaves) -> None:
    one, two, http, grpc_address = fleet
    _ready(http)
    over_http, over_grpc = [], []
    with httpx.Client() as client, grpc.insecure_channel(grpc_address) as channel:
        for number in range(60):
            if number == 10:
                one.signal(leaves)
            url = tiny.urls[number % 30]
            over_http.append(client.get(f"{http}/recommend", params={"url1": url}).status_code)
            request = pb.RecommendRequest(url1=url, k=3)
            over_grpc.append(len(RecommenderStub(channel).Recommend(request, timeout=10).recommendations))
            threading.Event().wait(0.05)
    assert set(over_http) == {200}
    assert set(over_grpc) == {3}
    assert two.process.poll() is None
    assert httpx.get(f"{http}/metrics").status_code == 404  # only on the admin port, which is not forwarded
