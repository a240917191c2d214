"""No input is a server error: hostile URLs, bodies and query strings."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from tests.service.http.problem_body import problem

HOSTILE = [
    "",
    " ",
    "https://user:pass@site0.example/page/0",
    "https:\\\\site0.example\\page\\0",
    "https://site0.example/\x00\r\nX-Injected: 1",
    "https://site0.example/\ud800",
    "https://site0.example/" + "a" * 65_000,
    "javascript:alert(1)",
    "data:text/html,<script>",
    "file:///etc/passwd",
    "http://[::1",
    "http://[::ffff:127.0.0.1]/",
    "http://0x7f.1/",
    "https://ｅｘａｍｐｌｅ.com/",
    "https://xn--/",
    "https://site0.example/%2e%2e/%252e%252e/",
    "https://site0.example:99999/",
    "//site0.example/page/0",
    "https://" + "a." * 200 + "example/",
    "https://раураl.example/",
    "\ufeffhttps://site0.example/",
    "https://site0.example/?" + "&".join(["a=1"] * 900),
]

BODIES = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b'{"url1": NaN}',
    b'{"url1": "https://site0.example/", "quality_weight": NaN}',
    b'{"url1": "https://site0.example/", "quality_weight": Infinity}',
    b'{"url1": "https://site0.example/", "quality_weight": 1e999}',
    b'{"url1": "https://site0.example/", "budget_ms": -1}',
    b'{"url1": "https://site0.example/", "k": 99999999999999999999999}',
    b'{"url1": "https://site0.example/", "k": ' + b"9" * 5000 + b"}",
    b'{"url1": "https://site0.example/", "title": "\\ud800"}',
    b'{"url1": "https://site0.example/", "exclude": ["\\udfff"]}',
    b'{"url1": "\\ud83d", "k": 5}',
    b'{"url1": "https://site0.example/", "title": "' + b"a" * 501 + b'"}',
    b'{"url1": "https://site0.example/", "exclude": "https://a.example"}',
    b"\xff\xfe",
    b'{"url1": "\xed\xa0\x80"}',
    b"[" * 100_000,
    b'{"a":' * 20_000,
    b'{"requests": 1}',
    b'{"requests": []}',
    b'{"requests": [1, null, "a", [], {"url1": 5}, {"url1": "\\ud800"}]}',
]


async def test_no_hostile_url_is_a_server_error(client) -> None:
    for url in HOSTILE:
        sent = orjson.dumps({"url1": url}) if "\ud800" not in url else b'{"url1": "https://site0.example/\\ud800"}'
        json = {"content-type": "application/json"}
        responses = [
            await client.post("/recommend", content=sent, headers=json),
            await client.post("/recommend/batch", content=b'{"requests":[%b]}' % sent, headers=json),
        ]
        if "\ud800" not in url and len(url) < 60_000:
            responses.append(await client.get("/recommend", params={"url1": url}))
        for response in responses:
            assert response.status_code < 500, url[:80]
            orjson.loads(response.content)


@pytest.mark.parametrize("path", ["/recommend", "/recommend/batch"])
async def test_no_hostile_body_is_a_server_error(client, path) -> None:
    for body in BODIES:
        for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded", ""):
            response = await client.post(path, content=body, headers={"content-type": kind} if kind else {})
            assert response.status_code in (200, 400, 422), (kind, body[:80])
            orjson.loads(response.content)
            if response.status_code != 200:
                problem(response, response.status_code)


@pytest.mark.parametrize("query", [b"url1=%ED%A0%80", b"url1=%00", b"url1=\xff", b"%", b"url1=a&url1=b", b"=" * 9000])
async def test_no_hostile_query_is_a_server_error(make, served, query) -> None:
    async with served(make().gateway) as server:
        host, port = server.http.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /recommend?" + query + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        status = (await reader.read()).split(b" ", 2)[1]
        writer.close()
    assert status.startswith(b"4")
