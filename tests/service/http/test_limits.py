from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import grpc
import httpx
import orjson
import pytest

from service.pb import recommender_pb2 as pb
from service.pb.recommender_pb2_grpc import RecommenderStub

URL1 = "https://site0.example/page/0"
ASK = f"GET /recommend?url1={URL1} HTTP/1.1\r\nHost: a\r\n".encode()


@asynccontextmanager
async def connected(server):
    host, port = server.http.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()


async def raw(server, *parts: bytes) -> bytes:
    """Send raw bytes and return all that comes back until the server closes."""
    async with connected(server) as (reader, writer):
        for part in parts:
            writer.write(part)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), 20)


def refused(answer: bytes, status: int) -> dict:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split(b" ", 2)[1] == str(status).encode(), answer[:300]
    assert b"connection: close" in head.lower()
    assert answer.count(b"HTTP/1.1 ") == 1
    problem = orjson.loads(body)
    assert problem["status"] == status
    return problem


@pytest.fixture
async def quick(make, served):
    """A gateway that cuts requests after a third of a second."""
    small = make("server.receipt_s=0.3", "server.idle_s=1")
    async with served(small.gateway) as server:
        yield server


@pytest.mark.parametrize(
    "parts",
    [
        [b"GET /recom"],
        [ASK],
        [ASK, b"X-A: b\r\nX-C"],
        [b"POST /recommend HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n", b'{"url1"'],
        [b"POST /recommend HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"],
    ],
)
async def test_an_incomplete_request_gets_408(quick, parts) -> None:
    assert refused(await raw(quick, *parts), 408)["type"] == "urn:onward:problem:too-slow"


async def test_trickling_bytes_does_not_extend_the_timeout(quick) -> None:
    async with connected(quick) as (reader, writer):
        writer.write(ASK)
        answered = asyncio.create_task(reader.read())
        while not answered.done():
            writer.write(b"X-A: b\r\n")
            await asyncio.wait([answered], timeout=0.05)
    refused(answered.result(), 408)


async def test_empty_lines_do_not_keep_a_connection_open(quick) -> None:
    async with connected(quick) as (reader, writer):
        writer.write(ASK + b"\r\n")
        answered = asyncio.create_task(reader.read())
        while not answered.done():
            writer.write(b"\r\n")
            await asyncio.wait([answered], timeout=0.05)
    assert answered.result().startswith(b"HTTP/1.1 200")


async def test_a_silent_connection_is_closed(quick) -> None:
    assert refused(await raw(quick), 408)


async def test_an_idle_connection_is_closed_and_one_in_use_is_not(quick) -> None:
    answer = await raw(quick, ASK + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    async with connected(quick) as (reader, writer):
        for _ in range(8):
            await asyncio.wait([asyncio.create_task(asyncio.sleep(0.1))])  # longer in all than a request may take
            writer.write(ASK + b"\r\n")
            assert await reader.readuntil(b'"took_ms"')
            await reader.readuntil(b"}")


async def test_a_slow_answer_is_not_a_slow_request(make, served) -> None:
    small = make("server.receipt_s=0.1", "budget_ms=5000")
    small.coclick.gate = asyncio.Event()
    async with served(small.gateway) as server, httpx.AsyncClient(base_url=server.http, timeout=30) as client:
        asked = asyncio.create_task(client.post("/recommend", json={"url1": URL1}))
        await small.coclick.called.wait()
        await asyncio.wait([asked], timeout=0.4)
        small.coclick.gate.set()
        assert (await asked).status_code == 200


@pytest.mark.parametrize(
    "head",
    [
        ASK + b"X-A: " + b"b" * 40_000 + b"\r\n\r\n",
        ASK + b"".join(b"X-%d: b\r\n" % number for number in range(5000)) + b"\r\n",
        ASK + b"X-A" * 20_000,
        ASK + b"X-A: " + b"b" * 2_000_000,  # it never ends
    ],
)
async def test_headers_that_are_too_large_get_431(make, served, head) -> None:
    async with served(make().gateway) as server:
        try:
            answer = await raw(server, head)
        except ConnectionError:  # closed while we still sent: what was said is lost with it
            return
    if answer:
        refused(answer, 431)


async def test_headers_of_50_megabytes_are_cut_off_early(make, served) -> None:
    sent = 0
    async with served(make().gateway) as server, connected(server) as (_, writer):
        writer.write(ASK + b"X-A: ")
        with pytest.raises(ConnectionError):
            while sent < 50_000_000:
                writer.write(b"b" * 100_000)
                sent += 100_000
                await writer.drain()
    assert sent < 25_000_000  # what the kernel buffers


async def test_headers_below_the_limit_pass_however_they_are_split(make, served) -> None:
    head = ASK + b"X-A: " + b"b" * 30_000 + b"\r\nConnection: close\r\n\r\n"
    async with served(make().gateway) as server:
        assert (await raw(server, head)).startswith(b"HTTP/1.1 200")
        parts = [head[start : start + 1000] for start in range(0, len(head), 1000)]
        assert (await raw(server, *parts)).startswith(b"HTTP/1.1 200")


async def test_a_large_body_in_one_piece_does_not_count_as_headers(make, served) -> None:
    body = orjson.dumps({"url1": URL1, "exclude": [f"https://a.example/{'a' * 80}"] * 400})
    head = b"POST /recommend HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    async with served(make().gateway) as server, connected(server) as (reader, writer):
        for _ in range(20):
            writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            assert await reader.readuntil(b"}") and await reader.readuntil(b'"took_ms"')


async def test_a_url_that_is_too_long_gets_414(make, served) -> None:
    async with served(make().gateway) as server:
        refused(await raw(server, b"GET /recommend?url1=" + b"a" * 17_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"), 414)


async def test_what_is_not_http_gets_400(make, served, caplog) -> None:
    async with served(make().gateway) as server:
        refused(await raw(server, b"\x16\x03\x01 hello\r\n\r\n"), 400)
    assert caplog.text == ""


@pytest.mark.parametrize(
    "line",
    [
        b"CONNECT a.b:443", b"CONNECT [::1]:443", b"GET http://host", b"GET http://host?a=b", b"GET http://", b"GET *",
        b"GET http://[::1/", b"OPTIONS http://host", b"GET host:80", b"GET //", b"POST http://host",
    ],
)  # fmt: skip
@pytest.mark.parametrize("before", [b"", b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"])
async def test_a_request_for_another_server_gets_an_answer_and_no_traceback(make, served, caplog, line, before) -> None:
    async with served(make().gateway) as server, connected(server) as (reader, writer):
        if before:
            writer.write(before)
            assert await reader.readuntil(b'alive"}')
        writer.write(line + b" HTTP/1.1\r\nHost: a.b\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 20)
    refused(answer, int(answer[9:12]))
    assert answer[9:12] in (b"400", b"404")
    assert caplog.text == ""


async def test_a_malformed_body_gets_400(make, served, caplog) -> None:
    broken = b"POST /recommend HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n"
    async with served(make().gateway) as server:
        refused(await raw(server, broken), 400)
    assert caplog.text == ""


async def test_an_unread_body_does_not_keep_a_connection_open(quick) -> None:
    async with connected(quick) as (reader, writer):
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
        answered = asyncio.create_task(reader.read())
        while not answered.done():
            writer.write(b"a")
            await asyncio.wait([answered], timeout=0.05)
    assert answered.result().startswith(b"HTTP/1.1 200")


async def test_the_admin_port_responds_when_the_public_port_has_no_connections_left(make, served) -> None:
    small = make("server.max_connections=3")
    async with served(small.gateway) as server, connected(server), connected(server), connected(server):
        assert refused(await raw(server), 503)
        async with httpx.AsyncClient(base_url=server.admin) as client:
            assert (await client.get("/readyz")).status_code == 200


async def test_pipelined_requests_are_answered_in_order(make, served) -> None:
    asks = b"".join(b"GET /healthz?%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(40))
    async with served(make().gateway) as server:
        answer = await raw(server, asks + ASK + b"Connection: close\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200") == 41


async def test_a_connection_beyond_the_limit_gets_503(make, served) -> None:
    small = make("server.max_connections=2")
    async with served(small.gateway) as server, connected(server) as one, connected(server) as two:
        for reader, writer in (one, two):
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            assert await reader.readuntil(b"alive")
        assert refused(await raw(server), 503)["type"] == "urn:onward:problem:crowded"
        two[1].close()
        await two[1].wait_closed()
        assert (await raw(server, ASK + b"Connection: close\r\n\r\n")).startswith(b"HTTP/1.1 200")
    assert 'onward_refused_total{reason="crowded"} 1.0' in small.gateway.metrics.text().decode()


async def test_grpc_metadata_that_is_too_large_is_refused(make, served) -> None:
    async with served(make().gateway) as server, grpc.aio.insecure_channel(server.grpc) as channel:
        stub = RecommenderStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Recommend(pb.RecommendRequest(url1=URL1), metadata=[("x-a", "b" * 40_000)])
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert (await stub.Recommend(pb.RecommendRequest(url1=URL1))).recommendations
