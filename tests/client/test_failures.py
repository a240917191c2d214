"""What the client does when a gateway is away, busy, slow, or refuses."""

from __future__ import annotations

import asyncio
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from client_gateway import KEY, PATIENT, url_of
from gateway_process import gateway
from onward_client import (
    Answer,
    AsyncOnward,
    DeadlineExceeded,
    Event,
    Forbidden,
    GatewayFailed,
    Onward,
    Retry,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from ports import free_port

ONCE = Retry(attempts=1)


def test_a_wrong_key_is_refused(guarded, tiny, protocol) -> None:
    with Onward(url_of(guarded, protocol), api_key="wrong") as client, pytest.raises(Unauthorized) as caught:
        client.recommend(tiny.urls[0])
    assert (caught.value.status, caught.value.kind) == (401, "unauthorized")
    assert "wrong" not in str(caught.value)


def test_a_key_may_be_used_until_its_rate_limit(guarded, tiny, protocol) -> None:
    with Onward(url_of(guarded, protocol), api_key=KEY, timeout=5) as client:
        with pytest.raises(TooManyRequests) as caught:
            for _ in range(6):  # more than two minutes allow, if one begins meanwhile
                client.recommend(tiny.urls[0])
        assert caught.value.kind == "rate-limited"
        assert caught.value.retry_after is not None  # a retry then would come after the deadline: it is not waited for
        assert caught.value.retry_after > 2


def test_a_batch_beyond_the_rate_limit_is_not_retried(guarded, tiny, protocol) -> None:
    with Onward(url_of(guarded, protocol), api_key=KEY) as client, pytest.raises(TooManyRequests) as caught:
        client.batch([{"url1": url} for url in tiny.urls[:3]])
    assert caught.value.retry_after is None or caught.value.retry_after > 2


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_gateway_that_is_away_is_unavailable(tiny, attempts, protocol) -> None:
    url = f"{protocol}://127.0.0.1:{free_port()}"
    with Onward(url, retry=Retry(attempts)) as client, pytest.raises(Unavailable) as caught:
        client.recommend(tiny.urls[0], request_id="mine")
    assert (caught.value.request_id, caught.value.status) == ("mine", None)


def test_a_gateway_that_comes_back_is_found_within_the_deadline(tiny, tmp_path, protocol) -> None:
    """Killed and started again while the call is being retried."""
    bundles, port = tiny.link(tmp_path / "bundles"), str(free_port())
    where = ("--port" if protocol == "http" else "--grpc-port", port)
    client = Onward(f"{protocol}://127.0.0.1:{port}", timeout=60, retry=Retry(attempts=200, most_s=0.3))
    with gateway(bundles, *where, settings=PATIENT) as first:
        before = client.recommend(tiny.urls[0])
        first.signal(signal.SIGKILL)
        first.process.wait()
    with pytest.raises((Unavailable, DeadlineExceeded)):  # the deadline may end the last retry before it is refused
        client.recommend(tiny.urls[0], timeout=0.5)

    async def across_the_start() -> Answer:
        async with AsyncOnward(f"{protocol}://127.0.0.1:{port}", timeout=60, retry=Retry(200, most_s=0.3)) as other:
            waiting = asyncio.create_task(other.recommend(tiny.urls[0]))
            with gateway(bundles, *where, settings=PATIENT):
                return await waiting

    assert asyncio.run(across_the_start()).recommendations == before.recommendations
    client.close()


def test_the_deadline_holds_for_the_whole_call(running, tiny, protocol) -> None:
    with Onward(url_of(running, protocol), timeout=5) as client:
        client.recommend(tiny.urls[0])
        running.signal(signal.SIGSTOP)
        try:
            started = time.monotonic()
            with pytest.raises(DeadlineExceeded):
                client.recommend(tiny.urls[0], timeout=0.3)
            assert time.monotonic() - started < 4  # of the 5 s that the client has by default
        finally:
            running.signal(signal.SIGCONT)
        assert client.recommend(tiny.urls[0]).recommendations


async def test_overload_is_waited_out(tiny, tmp_path, protocol) -> None:
    """One slot and no queue: most of the first calls are refused, with the time to retry, and answered later."""
    settings = (*PATIENT, "overload.running=1", "overload.waiting=0", "feedback.enabled=true")
    with gateway(tiny.link(tmp_path / "bundles"), settings=settings) as running:
        url = url_of(running, protocol)
        async with AsyncOnward(url, timeout=60, retry=ONCE) as client:
            calls = [client.recommend(each, title="roses") for each in tiny.urls[:40]]
            results = await asyncio.gather(*calls, return_exceptions=True)
        refused = [each for each in results if isinstance(each, TooManyRequests)]
        assert refused
        assert all((each.kind, each.retry_after) == ("overloaded", 1.0) for each in refused)
        async with AsyncOnward(url, timeout=60, retry=Retry(attempts=60)) as client:
            calls = [client.recommend(each, title="roses") for each in tiny.urls[100:140]]
            answers = await asyncio.gather(*calls)
            assert all(answer.recommendations for answer in answers)


def test_events_that_failed_are_sent_again_with_their_ids(tiny, tmp_path, protocol) -> None:
    bundles, port = tiny.link(tmp_path / "bundles"), str(free_port())
    (tmp_path / "signing").write_text("0" * 64 + "\n")
    where = ("--port" if protocol == "http" else "--grpc-port", port)
    settings = (*PATIENT, "feedback.enabled=true", f"feedback.key_file={tmp_path / 'signing'}")
    with Onward(f"{protocol}://127.0.0.1:{port}", timeout=60, retry=Retry(200, most_s=0.3)) as client:
        with gateway(bundles, *where, settings=settings) as first:
            answer = client.recommend(tiny.urls[0])
            first.signal(signal.SIGKILL)
        assert answer.answer_id
        seen = Event("impression", answer.answer_id, "list-1")
        with pytest.raises((Unavailable, DeadlineExceeded)):  # a busy machine may spend the time on one attempt
            client.record([seen], timeout=0.5)
        with gateway(bundles, *where, settings=settings):
            assert [each.status for each in client.record([seen, seen])] == ["accepted", "duplicate"]


def test_explain_may_be_forbidden(tiny, tmp_path, protocol) -> None:
    settings = (*PATIENT, "explain.allowed=false")
    with (
        gateway(tiny.link(tmp_path / "bundles"), settings=settings) as running,
        Onward(url_of(running, protocol)) as client,
        pytest.raises(Forbidden) as caught,
    ):
        client.explain(tiny.urls[0])
    assert caught.value.kind == "explain-off"


def test_what_is_no_gateway_is_said(tiny) -> None:
    """Another server, which answers every path with a page of its own."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server, ThreadPoolExecutor(1) as threads:
        threads.submit(server.serve_forever)
        with Onward(f"http://127.0.0.1:{server.server_port}") as client, pytest.raises(GatewayFailed, match="URL"):
            client.recommend(tiny.urls[0])
        server.shutdown()
