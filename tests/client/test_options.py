"""What a client is made of: options, packages, TLS, processes."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from client_gateway import url_of
from onward_client import AsyncOnward, DeadlineExceeded, Onward, Unavailable

from service.grpc.servicer import Service

ROOT = Path(__file__).parents[2]
CERTIFICATE = ROOT / "tests/fakes/localhost.pem"  # for localhost, with its key


def run(code: str, *arguments: str) -> str:
    """Run code in a process of its own, where warnings are errors; return what it prints."""
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT / "client")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({}, "url, bundles"),
        ({"url": "http://here:1", "bundles": "there"}, "url, bundles"),
        ({"url": "here:8000"}, "url"),
        ({"url": "grpc://here"}, "url"),
        ({"url": "grpc://here:1/path"}, "url"),
        ({"url": "http://here:99999"}, "url"),
        ({"url": "http://here:1", "settings": ["k=1"]}, "settings"),
        ({"bundles": "there", "api_key": "key"}, "api_key"),
        ({"url": "http://a\n.b"}, "url"),
        ({"url": "http://a b"}, "url"),
        ({"url": "http://here:1", "timeout": 0}, "timeout"),
        ({"url": "http://here:1", "timeout": math.inf}, "timeout"),
        ({"url": "http://here:1", "timeout": math.nan}, "timeout"),
        ({"url": "http://here:1", "hedge_after": -1}, "hedge_after"),
        ({"url": "http://here:1", "time_out": 1}, "time_out"),
    ],
)
def test_options_that_do_not_fit_are_named(arguments, named) -> None:
    with pytest.raises(ValueError, match=f"^{named}: "):
        Onward(**arguments)


@pytest.mark.parametrize("odd", ["a\nb", "ä", "x" * 65])
def test_a_request_id_that_no_gateway_takes_is_named(odd) -> None:
    with Onward("http://127.0.0.1:1") as client, pytest.raises(ValueError, match=r"^request_id: "):
        client.recommend("https://a.example/", request_id=odd)


async def test_the_deadline_holds_while_bundles_are_opened(tiny) -> None:
    """The first call opens them, which takes longer; what was begun serves the next call."""
    async with asyncio.timeout(60):
        client = AsyncOnward(bundles=tiny.bundles, settings=["unknown.most=0", "budget_ms=5000"])
        with pytest.raises(DeadlineExceeded):
            await client.recommend(tiny.urls[0], timeout=0.01)
        assert (await client.recommend(tiny.urls[0], timeout=50)).recommendations
        await client.close()


def test_importing_the_client_loads_nothing_of_the_gateway_and_no_grpc() -> None:
    code = "import sys, onward_client; print(*[n for n in ('service', 'grpc', 'google', 'numpy') if n in sys.modules])"
    assert run(code) == ""


@pytest.mark.parametrize(
    ("missing", "arguments", "package"),
    [("service", "bundles='x'", "pip install onward"), ("grpc", "'grpc://here:1'", "onward-client[grpc]")],
)
def test_a_missing_package_is_named(missing, arguments, package) -> None:
    code = f"""
import sys
sys.modules["{missing}"] = None
from onward_client import NotInstalled, Onward
try:
    with Onward({arguments}):
        pass
except NotInstalled as error:
    print(error)
"""
    assert package in run(code)


@pytest.mark.parametrize(
    "order",
    [("service.pb", "onward_client.pb"), ("onward_client.pb", "service.pb")],
    ids=["gateway first", "client first"],
)
def test_the_messages_of_client_and_gateway_live_in_one_process(order, monkeypatch) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'client'}")
    code = f"""
from importlib import import_module
one, other = (import_module(name + ".recommender_pb2") for name in {order!r})
sent = one.RecommendRequest(url1="https://site.example/", k=3)
print(other.RecommendRequest.FromString(sent.SerializeToString()).k, one.DESCRIPTOR.pool is other.DESCRIPTOR.pool)
"""
    assert run(code) == "3 False"


def test_messages_of_another_version_of_the_gateway_do_not_conflict() -> None:
    """A gateway whose messages of the same names have other fields, in the pool that all of a process share."""
    code = """
from google.protobuf import descriptor_pb2, descriptor_pool
other = descriptor_pb2.FileDescriptorProto(name="service/pb/recommender.proto", package="onward.v1")
other.message_type.add(name="RecommendRequest").field.add(name="url2", number=1, type=9, label=1)
descriptor_pool.Default().Add(other)
from onward_client.pb import recommender_pb2 as pb
print(pb.RecommendRequest(url1="x").url1)
"""
    assert run(code) == "x"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_makes_connections_of_its_own(running, tiny) -> None:
    code = """
import os, sys
from onward_client import Onward
client = Onward(sys.argv[1], timeout=20)
pages = client.recommend(sys.argv[2]).recommendations
if (child := os.fork()) == 0:
    os._exit(0 if client.recommend(sys.argv[2]).recommendations == pages else 3)
assert client.recommend(sys.argv[2]).recommendations == pages
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
client.close()
"""
    assert run(code, running.http, tiny.urls[0]) == "0"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_while_another_thread_begins_a_call_does_not_hang(running, tiny) -> None:
    code = """
import os, sys, threading
from onward_client import Onward
client = Onward(sys.argv[1], timeout=20)
held, forked = threading.Event(), threading.Event()
def begin():
    with client._starting:
        held.set()
        forked.wait()
threading.Thread(target=begin).start()
held.wait()
if (child := os.fork()) == 0:
    os._exit(0 if client.recommend(sys.argv[2]).recommendations else 3)
forked.set()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert run(code, running.http, tiny.urls[0]) == "0"


async def test_tls(make_tls, tiny) -> None:
    async with AsyncOnward(make_tls, ca_file=CERTIFICATE, api_key="key", timeout=10) as client:
        assert (await client.recommend(tiny.urls[0])).recommendations
    async with AsyncOnward(make_tls, timeout=2) as client:
        with pytest.raises(Unavailable):  # the certificate is signed by nobody whom the system knows
            await client.recommend(tiny.urls[0])


@pytest.fixture
async def make_tls(tiny, tmp_path, patient):
    """The gateway's gRPC service behind TLS, as a proxy would serve it; return its URL."""
    from service.bootstrap import load

    pem = CERTIFICATE.read_bytes()
    gateway = load(tiny.link(tmp_path / "bundles"), patient)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Service(gateway).handlers(),))
    port = server.add_secure_port("localhost:0", grpc.ssl_server_credentials([(pem, pem)]))
    await server.start()
    yield f"grpcs://localhost:{port}"
    await server.stop(None)
    await gateway.close()


def test_an_error_when_opening_bundles_is_the_gateways(tmp_path) -> None:
    from store.bundle import BundleError

    with pytest.raises(BundleError), Onward(bundles=tmp_path):
        pass


def test_many_threads_share_a_client(running, tiny, protocol) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with Onward(url_of(running, protocol), timeout=20) as client, ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(client.recommend, tiny.urls[:40]))
    assert [answer.url1 for answer in answers] == tiny.urls[:40]
