"""The admin routes of rules, and the headers by which outside caches drop answers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import orjson
import pytest

from corpus.urls.url import page_id
from service.http.admin import make_admin_app
from service.http.app import make_app
from service.metrics import Metrics
from service.rules.live_rules import LiveRules
from service.rules.reading import parse
from service.rules.surrogate_keys import key_of
from service.rules.webhook import Webhook
from service.settings import PurgeSettings, read_settings

URL1, SECOND = "https://site0.example/page/0", "https://site1.example/page/1"
RULES = '[[rule]]\nname = "spam"\naction = "block"\nhost = "site2.example"\nnote = "why"\n'


def client(app) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here")


class Outside:
    """A real HTTP server in place of the outside cache's purge service."""

    def __init__(self) -> None:
        outside = self
        self.bodies: list[dict[str, list[str]]] = []
        self.failures = 0

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if outside.failures:
                    outside.failures -= 1
                    self.send_error(503)
                    return
                outside.bodies.append(orjson.loads(body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/purge"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def outside() -> Iterator[Outside]:
    running = Outside()
    yield running
    running.close()


async def until(holds) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 -- what it waits for happens in a thread
            await asyncio.sleep(0.01)


async def test_rules_in_force_are_listed_with_their_problems(make) -> None:
    rules = LiveRules()
    small = make(rules=rules)
    rules.replace("file", parse(RULES, "rules.toml"))
    small.gateway.rules.problems["file"] = "rules.toml: rule 1: …"
    small.gateway.ready = True
    async with client(make_admin_app(small.gateway)) as admin:
        body = (await admin.get("/admin/rules")).json()
        ready = (await admin.get("/readyz")).json()
    assert body["rules"] == [
        {"action": "block", "host": "site2.example", "name": "spam", "note": "why", "in_force": True}
    ]
    assert (body["version"], body["problems"]) == (1, {"file": "rules.toml: rule 1: …"})
    assert ready["rules"] == {"refused": ["file"]}
    await small.gateway.close()


async def test_answers_carry_surrogate_keys_only_if_asked(make) -> None:
    for wanted in (False, True):
        small = make(f"purge.keys={str(wanted).lower()}")
        async with client(make_app(small.gateway)) as public:
            answers = [await public.get("/recommend", params={"url1": URL1, "k": 1}) for _ in range(2)]
        for answer in answers:  # computed, then from the fast path
            assert ("surrogate-key" in answer.headers) == wanted
            if wanted:
                shown = answer.json()["recommendations"][0]["url"]
                keys = ["onward", key_of(page_id(URL1)), key_of(page_id(shown))]
                assert answer.headers["surrogate-key"].split() == keys
                assert answer.headers["cache-tag"].split(",") == keys
        await small.gateway.close()


async def test_a_purge_drops_the_lists_of_a_page_and_returns_its_key(make) -> None:
    small = make()
    async with client(make_app(small.gateway)) as public, client(make_admin_app(small.gateway)) as admin:
        for url in (URL1, SECOND):
            await public.get("/recommend", params={"url1": url})
        body = (await admin.post("/admin/purge", json={"url": "http://site1.example/page/1/"})).json()
        again = (await public.get("/recommend", params={"url1": URL1})).json()
    assert (body["lists"], body["webhook"], again["served_by"]) == (2, False, "computed")
    assert key_of(page_id(SECOND)) in body["keys"]
    await small.gateway.close()


async def test_a_purge_by_rule_names_all_pages_of_the_rule(make) -> None:
    rules = LiveRules()
    small = make(rules=rules)
    rules.replace("file", parse(RULES, "rules.toml"))
    async with client(make_admin_app(small.gateway)) as admin:
        body = (await admin.post("/admin/purge", json={"rule": "spam"})).json()
    expected = {key_of(page_id(f"https://site2.example/page/{number}")) for number in (2, 5, 8, 11)}
    assert set(body["keys"]) == expected
    await small.gateway.close()


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({}, ""),
        ({"url": "a"}, "url"),
        ({"rule": "none"}, "rule"),
        ({"url": URL1, "rule": "x"}, ""),
        ({"urls": 1}, "urls"),
    ],
)
async def test_a_purge_that_names_no_page_is_a_422_with_the_field(make, sent, field: str) -> None:
    small = make()
    async with client(make_admin_app(small.gateway)) as admin:
        answer = await admin.post("/admin/purge", json=sent)
    assert answer.status_code == 422
    assert any(field in error["field"] and error["fix"] for error in answer.json()["errors"])
    await small.gateway.close()


async def test_the_webhook_gets_the_keys_of_new_blocks(make, outside: Outside, tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text("")
    small = make(f"rules.file={file}", "rules.watch_s=0.01", f"purge.webhook={outside.url}")
    await small.gateway.warm_up()
    file.write_text(f'[[rule]]\naction = "block"\nurl = "{SECOND}"\n')
    await until(lambda: outside.bodies)
    assert outside.bodies == [{"keys": [key_of(page_id(SECOND))]}]
    await small.gateway.close()


async def test_a_failed_call_is_tried_again_and_keys_are_sent_in_parts(outside: Outside) -> None:
    metrics, outside.failures = Metrics(), 1
    webhook = Webhook(PurgeSettings(webhook=outside.url), metrics)
    webhook.send([f"p-{number}" for number in range(300)])
    await until(lambda: len(outside.bodies) == 2)
    assert [len(body["keys"]) for body in outside.bodies] == [256, 44]
    assert metrics.purges.labels("retried")._value.get() == 1
    await webhook.close()


async def test_a_call_whose_reply_is_not_http_has_failed_and_later_ones_are_made() -> None:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"nonsense\r\n\r\n")
        writer.close()

    metrics, server = Metrics(), await asyncio.start_server(reply, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    webhook = Webhook(PurgeSettings(webhook=f"http://127.0.0.1:{port}/", tries=1), metrics)
    webhook.send([f"p-{number}" for number in range(300)])
    await until(lambda: metrics.purges.labels("failed")._value.get() == 2)
    await webhook.close()
    server.close()


async def test_calls_that_wait_are_bounded() -> None:
    metrics = Metrics()
    webhook = Webhook(PurgeSettings(webhook="http://127.0.0.1:9/"), metrics)
    webhook.send([f"p-{number}" for number in range(256 * 100)])
    assert metrics.purges.labels("dropped")._value.get() == 36
    await webhook.close()


def test_a_webhook_must_be_an_http_url() -> None:
    with pytest.raises(ValueError, match=r"setting purge\.webhook"):
        read_settings(None, ["purge.webhook=file:///etc/passwd"], {})


async def test_an_answer_is_kept_outside_no_longer_than_it_stands(make) -> None:
    rules = LiveRules()
    small = make(rules=rules)
    rules.replace("file", parse(RULES + 'end = 2099-01-01\n[[rule]]\naction = "block"\nhost = "b.example"\n', "r"))
    async with client(make_app(small.gateway)) as public:
        far = await public.get("/recommend", params={"url1": URL1})
        assert "max-age=60, stale-while-revalidate=600" in far.headers["cache-control"]
    await small.gateway.close()
