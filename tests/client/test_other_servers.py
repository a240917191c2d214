"""What answers in place of a gateway, such as a proxy, and what happens to calls when a client is closed."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from onward_client import AsyncOnward, GatewayFailed, InvalidRequest, Onward, OnwardError, Retry, Unavailable

URL1 = "https://www.example.org/"


class Proxy:
    """Answers every request with one response."""

    status, body = 503, b"{}"
    headers: tuple[tuple[str, str], ...] = ()

    def __init__(self, port: int) -> None:
        self.url, self.asked = f"http://127.0.0.1:{port}", threading.Event()


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(said.status)
            for header in (*said.headers, ("Content-Length", str(len(said.body)))):
                self.send_header(*header)
            self.end_headers()
            self.wfile.write(said.body)
            said.asked.set()

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, ThreadPoolExecutor(1) as threads:
        said = Proxy(server.server_port)
        threads.submit(server.serve_forever)
        yield said
        server.shutdown()


@pytest.mark.parametrize("errors", ['[{"message": "no healthy upstream"}]', "null", '"down"', "7"])
def test_errors_of_a_proxy_are_told_by_its_status(proxy: Proxy, errors: str) -> None:
    proxy.body = b'{"errors": %b}' % errors.encode()
    with Onward(proxy.url, retry=Retry(1)) as client, pytest.raises(Unavailable) as caught:
        client.recommend(URL1)
    assert caught.value.errors == ()


def test_a_retry_after_that_no_date_can_hold_is_none(proxy: Proxy) -> None:
    proxy.headers = (("Retry-After", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"),)
    with Onward(proxy.url, retry=Retry(1)) as client, pytest.raises(Unavailable) as caught:
        client.recommend(URL1)
    assert caught.value.retry_after is None


def test_a_body_that_cannot_be_decompressed_is_no_gateways(proxy: Proxy) -> None:
    proxy.status, proxy.headers = 200, (("Content-Encoding", "gzip"),)
    with Onward(proxy.url) as client, pytest.raises(GatewayFailed, match="cannot be read"):
        client.recommend(URL1)


@pytest.mark.parametrize("fields", [{"quality_weight": float("nan")}, {"exclude": {"x"}}, {"title": "\ud800"}])
def test_fields_that_cannot_be_sent_are_an_invalid_request(proxy: Proxy, fields) -> None:
    with Onward(proxy.url) as client, pytest.raises(InvalidRequest, match="cannot be sent"):
        client.recommend(URL1, **fields)
    assert not proxy.asked.is_set()


def test_a_call_that_waits_ends_when_another_thread_closes_the_client(proxy: Proxy) -> None:
    proxy.headers = (("Retry-After", "1"),)
    client, ended = Onward(proxy.url, timeout=60, retry=Retry(50)), threading.Event()
    errors: list[BaseException] = []

    def call() -> None:
        try:
            client.recommend(URL1)
        except BaseException as error:
            errors.append(error)
        ended.set()

    threading.Thread(target=call, daemon=True).start()
    assert proxy.asked.wait(30)
    client.close()
    assert ended.wait(10)
    assert isinstance(errors[0], OnwardError) and "closed" in str(errors[0])


async def test_a_call_that_would_be_sent_again_says_that_the_client_is_closed(proxy: Proxy) -> None:
    proxy.headers = (("Retry-After", "1"),)
    client = AsyncOnward(proxy.url, timeout=60, retry=Retry(50))
    call = asyncio.create_task(client.recommend(URL1))
    assert await asyncio.to_thread(proxy.asked.wait, 30)
    await client.close()
    with pytest.raises(OnwardError, match="closed"):
        await call


async def test_a_call_over_grpc_says_that_the_client_is_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:  # takes the connection, and never answers
        client = AsyncOnward(f"grpc://127.0.0.1:{listening.getsockname()[1]}", timeout=60, retry=Retry(1))
        call = asyncio.create_task(client.recommend(URL1))
        connection, _ = await asyncio.to_thread(listening.accept)
        with connection:
            await client.close()
            with pytest.raises(OnwardError, match="closed"):
                await asyncio.wait_for(call, 30)
