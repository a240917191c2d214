"""A request log is replayed on a real gateway over HTTP, and the report shows what differs."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.replay import _drawn
from corpus.files.asked_urls import read_asked
from corpus.schema import InputError
from replay import asking
from replay.asking import Reply, Side, ask_gateway
from replay.compare import compare
from replay.report import html
from service.bundles.check_messages import Sampled, Shown
from service.rules.live_rules import LiveRules
from service.rules.rule import Rule

A, B = "https://site0.example/page/0", "https://site1.example/page/1"


def reply(*urls: str, ms: float = 10.0, quality: float = 2.0, degraded: tuple[str, ...] = (), error: str = "") -> Reply:
    shown = [Shown(url, 1.0, quality) for url in urls]
    titles = {url: f"<{url}>" for url in urls}
    return Reply(Sampled(shown=shown, degraded=list(degraded)), titles, ms, error)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", "txt"])
def test_requests_are_read_in_any_format_and_counted(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"events.{ending}"
    if ending == "parquet":
        pq.write_table(pa.table({"url1": [A, B, A, None], "time": [1, 2, 3, 4]}), file)
    elif ending == "csv":
        file.write_text(f"time,url1\n1,{A}\n2,{B}\n3,{A}\n")
    elif ending == "jsonl":
        file.write_text("".join(f'{{"url1": "{url}", "k": 5}}\n' for url in (A, B, A)))
    else:
        file.write_text(f"# a list\n{A}\n\n{B}\n{A}\n")
    assert read_asked(file) == {A: 2, B: 1}


def test_a_log_without_the_column_or_without_rows_is_an_error_with_a_fix(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("url,time\nhttps://a.example/,1\n")
    with pytest.raises(InputError, match="column 'url1' is missing"):
        read_asked(tmp_path / "events.csv")
    (tmp_path / "events.txt").write_text("\n")
    with pytest.raises(InputError, match="names no page: give"):
        read_asked(tmp_path / "events.txt")


def test_frequent_pages_are_drawn_more_often_and_never_twice() -> None:
    asked = Counter({f"https://a.example/{n}": 1 for n in range(100)} | {A: 10_000})
    drawn = _drawn(asked, 10)
    assert (len(drawn), drawn[A]) == (10, 10_000)


def test_figures_weigh_pages_by_their_requests() -> None:
    left = Side("old", {A: reply("a", "b"), B: reply("c", degraded=("short",))})
    right = Side("new", {A: reply("a", "b", quality=4.0), B: reply("d", quality=4.0)})
    found = compare(left, right, Counter({A: 3, B: 1}))
    assert found.measures["overlap@5"].mean == 0.75
    assert (found.same, found.left.degraded, found.right.degraded) == (0.75, 0.25, 0.0)
    assert (found.left.quality, found.right.quality) == (2.0, 4.0)
    assert [change.url1 for change in found.changes] == [B]


def test_pages_without_an_answer_are_counted_and_not_compared() -> None:
    left, right = (
        Side("old", {A: reply("a"), B: reply("b")}),
        Side("new", {A: reply("a"), B: reply(error="status 503")}),
    )
    found = compare(left, right, Counter({A: 1, B: 1}))
    assert (found.pages, found.right.errors) == (1, 0.5)


def test_the_report_shows_changes_side_by_side_and_escapes_what_pages_say() -> None:
    sides = [Side("old", {A: reply("a", "b")}), Side("new", {A: reply("b", "c")})]
    page = html("Replay", [compare(*sides, Counter({A: 1}))], sides)
    assert "class=gone>&lt;a&gt;" in page
    assert "class=came>&lt;c&gt;" in page
    assert page.count("<svg") == 2


async def test_a_running_gateway_is_asked_over_http(make, served) -> None:
    rules = LiveRules()
    small = make(rules=rules)
    urls = [A, "not a url"]
    async with served(small.gateway) as at:

        def ask() -> Side:
            return ask_gateway(at.http, urls, 5, 2, None, lambda: None)

        before = await asyncio.to_thread(ask)
        rules.replace("file", (Rule(action="block", url=B),))
        after = await asyncio.to_thread(ask)
    assert after.replies["not a url"].error == "status 422"
    found = compare(before, after, Counter(urls))
    assert found.pages == 1
    assert found.measures["overlap@5"].mean == 0.8
    assert B in found.changes[0].left.titles


def test_an_address_without_a_gateway_is_an_error_with_a_fix() -> None:
    with pytest.raises(InputError, match=r"is not a running gateway .*: give its HTTP address"):
        ask_gateway("http://127.0.0.1:9", [A], 5, 1, None, lambda: None)


@pytest.mark.parametrize(
    ("status", "headers", "content", "error"),
    [
        (200, {}, b"<html>Maintenance</html>", "not an answer of Onward"),
        (200, {}, b"[]", "not an answer of Onward"),
        (200, {}, b'{"recommendations": [{}]}', "not an answer of Onward"),
        (429, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, b"", "status 429"),
        (429, {"Retry-After": "-1"}, b"", "status 429"),
    ],
)
async def test_what_a_proxy_says_is_counted_and_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, status: int, headers: dict[str, str], content: bytes, error: str
) -> None:
    monkeypatch.setattr(asking, "_UNNAMED_S", 0.0)

    def respond(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers=headers, content=content)

    async with httpx.AsyncClient(base_url="http://a.example", transport=httpx.MockTransport(respond)) as http:
        assert error in (await asking._over_http(http, A, 5)).error
