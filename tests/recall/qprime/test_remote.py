from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from search_endpoint import KEY, START, Asked, Refusal, Server
from tenacity import wait_none

from configs.reading import SettingsError
from corpus.urls.url import page_id
from recall.qprime.engines import calling
from recall.qprime.engines.provider import NOT_A_URL, sendable

ROOT = Path(__file__).resolve().parents[3]
DAY = 86_400.0


def pages(*urls: str) -> list[int]:
    return [page_id(url) for url in urls]


def first(count: int, refusal: Refusal) -> Callable[[Asked], Refusal | None]:
    """Return what refuses the first `count` requests."""
    left = iter([refusal] * count)
    return lambda asked: next(left, None)


def test_web_hits_are_pages(server: Server, tmp_path: Path) -> None:
    (found,) = server.engine("tavily", tmp_path).search(["fox"], 10)
    assert found is not None
    assert found.pages.tolist() == pages("https://a.example/fox", "https://b.example/fox")
    assert found.scores.tolist() == [4.0, 2.0]


def test_a_rate_limited_call_is_retried(server: Server, tmp_path: Path) -> None:
    server.refuse = first(2, Refusal(429))
    engine = server.engine("brave", tmp_path)
    (found,) = engine.search(["fox"], 10)
    assert found is not None
    assert (engine.calls, engine.asked, engine.retried, engine.failures) == (3, 1, {"rate limited (429)": 2}, {})


def test_a_call_without_a_retry_after_is_retried(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling, "_BACKOFF", wait_none())
    server.refuse = first(1, Refusal(503, retry_after="soon"))
    engine = server.engine("brave", tmp_path)
    assert engine.search(["fox"], 10) != [None]
    assert engine.retried == {"call refused (503)": 1}


@pytest.mark.parametrize(
    ("status", "reason", "calls"),
    [(429, "rate limited (429)", 3), (500, "call refused (500)", 3), (422, "call refused (422)", 1)],
)
def test_a_query_that_is_always_refused_is_counted_and_not_stored(
    server: Server, tmp_path: Path, status: int, reason: str, calls: int
) -> None:
    server.refuse = lambda asked: Refusal(status) if asked.queries == ["fox"] else None
    engine = server.engine("brave", tmp_path)
    fox, hare = engine.search(["fox", "hare"], 10)
    assert fox is None
    assert hare is not None
    assert engine.failures == {reason: 1}
    assert engine.calls == calls + 1
    server.refuse = lambda asked: None
    assert engine.search(["fox"], 10) != [None]


def test_a_provider_with_a_long_retry_after_is_not_called_again(server: Server, tmp_path: Path) -> None:
    server.refuse = lambda asked: Refusal(429, retry_after="3600")
    engine = server.engine("brave", tmp_path, concurrency=1)
    assert engine.search(["fox", "hare"], 10) == [None, None]
    assert engine.failures == {"rate limited (429)": 2}
    assert len(server.asked) == 1


def test_an_unavailable_provider_is_skipped_for_the_rest_of_a_search(server: Server, tmp_path: Path) -> None:
    server.refuse = lambda asked: Refusal(503)
    engine = server.engine("brave", tmp_path, concurrency=1, retries=0)
    assert engine.search([f"fox {n}" for n in range(50)], 10) == [None] * 50
    assert engine.failures == {"call refused (503)": 10, calling.AWAY: 40}
    assert engine.calls == 10
    server.refuse = lambda asked: None
    assert None not in engine.search([f"fox {n}" for n in range(50)], 10)


def test_a_hanging_response_times_out(server: Server, tmp_path: Path) -> None:
    server.refuse = lambda asked: Refusal(200, b"")
    engine = server.engine("brave", tmp_path, timeout_s=0.1, retries=0)
    begun = time.monotonic()
    assert engine.search(["fox", "hare"], 10) == [None, None]
    assert time.monotonic() - begun < 3
    assert engine.failures == {"timed out": 2}


def test_an_unreachable_provider_is_counted(server: Server, tmp_path: Path) -> None:
    engine = server.engine("brave", tmp_path, url="http://127.0.0.1:9/search", retries=0)
    assert engine.search(["fox"], 10) == [None]
    assert engine.failures == {"no connection": 1}


@pytest.mark.parametrize("body", [b"<html>", b'{"web": ', b"[]", b"null", b"{}", b'{"web": 3}', b'{"results": 3}'])
@pytest.mark.parametrize("name", ["brave", "tavily", "opensearch"])
def test_a_malformed_response_is_counted(server: Server, tmp_path: Path, name: str, body: bytes) -> None:
    server.refuse = lambda asked: Refusal(200, body)
    engine = server.engine(name, tmp_path)  # type: ignore[arg-type]
    assert engine.search(["fox"], 10) == [None]
    assert engine.failures == {"malformed response": 1}


def test_an_endless_response_is_counted(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "MOST_BYTES", 10_000)
    server.refuse = lambda asked: Refusal(200, b" " * 10_001)
    engine = server.engine("brave", tmp_path)
    assert engine.search(["fox"], 10) == [None]
    assert engine.failures == {"answer too long": 1}


def test_hits_without_a_valid_url_are_counted_and_dropped(server: Server, tmp_path: Path) -> None:
    bad = ["", "fox", "ftp://a.example/", "javascript:alert(1)", None, 7, ["https://a.example/"], "https://a b/"]
    server.find = lambda query: [*((url, 9.0) for url in bad), ("https://a.example/", 1.0)]
    engine = server.engine("tavily", tmp_path)
    (found,) = engine.search(["fox"], 10)
    assert found is not None
    assert found.pages.tolist() == pages("https://a.example/")
    assert engine.dropped == {NOT_A_URL: len(bad)}
    assert engine.failures == {}


def test_two_spellings_of_a_page_are_one_hit(server: Server, tmp_path: Path) -> None:
    server.find = lambda query: [("https://A.example/?utm_source=x", 3.0), ("https://a.example/#top", 2.0)]
    (found,) = server.engine("tavily", tmp_path).search(["fox"], 10)
    assert found is not None
    assert (found.pages.tolist(), found.scores.tolist()) == (pages("https://a.example/"), [3.0])


def test_an_empty_result_is_not_a_failure_and_is_stored(server: Server, tmp_path: Path) -> None:
    server.find = lambda query: []
    engine = server.engine("brave", tmp_path)
    for _ in range(2):
        (found,) = engine.search(["fox"], 10)
        assert found is not None
        assert len(found.pages) == 0
    assert (engine.asked, engine.from_store, len(server.asked)) == (1, 1, 1)


@pytest.mark.parametrize("status", [401, 403, 404, 432, 301])
def test_a_permanent_refusal_stops_all_further_calls(server: Server, tmp_path: Path, status: int) -> None:
    server.refuse = lambda asked: Refusal(status)
    engine = server.engine("brave", tmp_path, concurrency=1)
    for _ in range(2):
        assert engine.search(["fox", "hare", "owl"], 10) == [None] * 3
    assert engine.failures == {f"call refused ({status})": 6}
    assert len(server.asked) == 1


def test_the_daily_budget_spans_runs_and_resets_at_midnight_utc(server: Server, tmp_path: Path) -> None:
    server.refuse = first(1, Refusal(429))  # a retry is a call as well
    midnight = START // DAY * DAY + DAY
    engine = server.engine("brave", tmp_path, lambda: midnight - 2, per_day=3)
    assert [hits is None for hits in engine.search(["fox", "hare", "owl"], 10)].count(True) == 1
    again = server.engine("brave", tmp_path, lambda: midnight - 1, per_day=3)
    assert again.search(["wolf", "lynx"], 10) == [None, None]
    assert again.failures == {"daily budget reached": 2}
    assert len(server.asked) == 3
    assert server.engine("brave", tmp_path, lambda: midnight, per_day=3).search(["wolf"], 10) != [None]


def test_without_a_budget_only_stored_answers_are_found(server: Server, tmp_path: Path) -> None:
    server.engine("brave", tmp_path).search(["fox"], 10)
    fox, hare = server.engine("brave", tmp_path, per_day=0).search(["fox", "hare"], 10)
    assert fox is not None
    assert hare is None
    assert len(server.asked) == 1


def test_each_engine_has_its_own_budget(server: Server, tmp_path: Path) -> None:
    assert server.engine("brave", tmp_path, per_day=1).search(["fox"], 10) != [None]
    assert server.engine("tavily", tmp_path, per_day=1).search(["fox"], 10) != [None]


def test_a_query_is_not_sent_twice_within_its_freshness(server: Server, tmp_path: Path) -> None:
    (one,) = server.engine("brave", tmp_path, freshness_days=7).search(["fox"], 10)
    engine = server.engine("brave", tmp_path, lambda: START + 7 * DAY - 1, freshness_days=7)
    (two,) = engine.search(["fox"], 10)
    assert one is not None
    assert two is not None
    assert (one.pages.tolist(), one.scores.tolist()) == (two.pages.tolist(), two.scores.tolist())
    assert (engine.asked, engine.from_store, len(server.asked)) == (0, 1, 1)
    engine = server.engine("brave", tmp_path, lambda: START + 7 * DAY, freshness_days=7)
    engine.search(["fox"], 10)
    assert (engine.asked, engine.from_store, len(server.asked)) == (1, 0, 2)


def test_answers_are_stored_per_engine_index_and_limit(server: Server, tmp_path: Path) -> None:
    server.engine("brave", tmp_path).search(["fox"], 10)
    server.engine("brave", tmp_path).search(["fox"], 5)
    server.engine("tavily", tmp_path).search(["fox"], 10)
    server.engine("opensearch", tmp_path).search(["fox"], 10)
    server.engine("opensearch", tmp_path, index="other").search(["fox"], 10)
    assert len(server.asked) == 5


def test_a_repeated_query_is_sent_once(server: Server, tmp_path: Path) -> None:
    engine = server.engine("brave", tmp_path)
    found = engine.search(["fox", "hare", " fox\n", "fox"], 10)
    assert sorted(server.queries()) == ["fox", "hare"]
    assert found[0] is found[2] is found[3] is not None
    assert engine.asked == 2


def test_a_killed_run_resumes(server: Server, tmp_path: Path) -> None:
    queries = [f"fox-{n}" for n in range(6)]
    code = f"from recall.qprime.engines.opening import open_engine; open_engine('brave').search({queries}, 10)"
    environ = {**os.environ, **server.environ("brave", tmp_path, concurrency=1)}
    child = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environ)

    def kill_at_the_fourth(asked: Asked) -> None:
        if len(server.asked) == 4:
            child.send_signal(signal.SIGKILL)
            child.wait()

    server.refuse = kill_at_the_fourth
    assert child.wait(60) == -signal.SIGKILL
    server.asked.clear()
    server.refuse = lambda asked: None
    engine = server.engine("brave", tmp_path, time.time)
    assert None not in engine.search(queries, 10)
    assert engine.from_store == 3
    assert sorted(server.queries()) == queries[3:]


def test_characters_that_cannot_be_sent_are_removed_from_a_query() -> None:
    assert sendable("  red\x00 fox\r\nX-Evil: 1\x7f\ud800 ") == "red fox X-Evil: 1"
    assert len(sendable("狐" * 1_000)) == 400


def test_a_query_without_words_is_not_sent(server: Server, tmp_path: Path) -> None:
    found = server.engine("brave", tmp_path).search(["", " \n\x00"], 10)
    assert [hits is not None and len(hits.pages) for hits in found] == [0, 0]
    assert server.asked == []


def test_calls_run_concurrently(server: Server, tmp_path: Path) -> None:
    engine = server.engine("brave", tmp_path, concurrency=16)
    found = engine.search([f"fox-{n}" for n in range(100)], 10)
    assert [hits is not None and hits.pages[0] for hits in found] == pages(
        *(f"https://a.example/fox-{n}" for n in range(100))
    )


def test_the_key_is_in_no_log_no_file_and_no_repr(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.refuse = lambda asked: Refusal(401, f'{{"error": "wrong key {KEY}"}}'.encode())
    engine = server.engine("tavily", tmp_path)
    with caplog.at_level(logging.DEBUG):
        assert engine.search(["fox"], 10) == [None]
    provider = engine._provider
    shown = f"{engine!r} {engine._endpoint!r} {provider!r} {provider.call(['fox'], 10)!r} {engine.failures!r}"
    assert caplog.text
    assert KEY not in caplog.text + shown
    assert KEY in server.asked[0].headers["authorization"]
    assert not any(KEY.encode() in path.read_bytes() for path in tmp_path.iterdir())


def test_a_store_that_cannot_be_written_is_one_clear_error(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no database, but long enough to be taken for a broken one")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(SettingsError, match="ONWARD_SEARCH_STORE: cannot write answers"):
            server.engine("brave", tmp_path, store=path).search(["fox"], 10)


def test_expired_answers_are_deleted(server: Server, tmp_path: Path) -> None:
    server.engine("brave", tmp_path).search(["fox"], 10)
    later = server.engine("brave", tmp_path, lambda: START + 31 * DAY)
    later.search([], 10)
    server.engine("brave", tmp_path).search(["fox"], 10)  # by a clock of before, it would have been fresh
    assert len(server.asked) == 2
