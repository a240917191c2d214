from __future__ import annotations

import logging
import math
from pathlib import Path

import numpy as np
import pytest
from llm_endpoint import KEY, Server, completion, pair, scored, token

from prompting.endpoint import Endpoint
from prompting.judge import MISSING_CLASS, LlmJudge
from prompting.judge_prompt import load_prompt
from tests.prompting.judging import judge


def test_the_score_is_the_expected_class_by_the_endpoints_log_probabilities(server: Server, tmp_path: Path) -> None:
    judged = judge(server.endpoint(tmp_path), [pair()])
    assert judged.quality.tolist() == [pytest.approx(3 * 0.7 + 4 * 0.2 + 2 * 0.06 + 0.03)]
    assert (judged.reasons, judged.notes, judged.tokens) == ([""], {}, 120)
    assert server.asked[0]["logprobs"] is True
    assert "Title: Wolves 0" in server.asked[0]["messages"][0]["content"]


def test_prompt_a_does_not_request_log_probabilities(server: Server, tmp_path: Path) -> None:
    server.reply = lambda body: (200, completion("Scores: 1, 2, 2, 2, 3"))
    assert judge(server.endpoint(tmp_path), [pair()], "A").quality.tolist() == [2.0]
    assert "logprobs" not in server.asked[0]


def test_nothing_is_paid_for_twice(server: Server, tmp_path: Path) -> None:
    pairs = [pair(0), pair(1), pair(0)]
    first = judge(server.endpoint(tmp_path), pairs)
    again = judge(server.endpoint(tmp_path), [*pairs, pair(2)])
    assert len(server.asked) == 3
    assert (first.tokens, again.tokens, again.from_cache) == (240, 120, 2)
    np.testing.assert_array_equal(first.quality, again.quality[:3])


def test_another_model_or_prompt_has_its_own_cache_entry(server: Server, tmp_path: Path) -> None:
    judge(server.endpoint(tmp_path), [pair()])
    judge(server.endpoint(tmp_path, model="other"), [pair()])
    judge(server.endpoint(tmp_path), [pair()], "B")
    assert len(server.asked) == 3


def test_a_stopped_run_resumes_from_the_cache(server: Server, tmp_path: Path) -> None:
    def stopped(done: int, tokens: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    prompt = load_prompt("C")
    with pytest.raises(KeyboardInterrupt):
        LlmJudge(server.endpoint(tmp_path, concurrency=1), prompt).judge([pair(n) for n in range(5)], stopped)
    assert len(server.asked) == 2
    judged = judge(server.endpoint(tmp_path), [pair(n) for n in range(5)])
    assert len(server.asked) == 5
    assert judged.from_cache == 2


def test_a_rate_limited_call_is_retried(server: Server, tmp_path: Path) -> None:
    answers = iter([429, 500, 200])
    server.reply = lambda body: (next(answers), scored({"2": 1.0}))
    assert judge(server.endpoint(tmp_path), [pair()]).quality.tolist() == [2.0]
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("status", "reason"),
    [(429, "rate limited (429)"), (503, "call refused (503)"), (400, "call refused (400)")],
)
def test_a_refused_call_is_counted_and_not_cached(server: Server, tmp_path: Path, status: int, reason: str) -> None:
    server.reply = lambda body: (status, {"error": {"message": f"no, {KEY}"}})
    judged = judge(server.endpoint(tmp_path), [pair(0), pair(1)])
    assert judged.unscored() == {reason: 2}
    assert np.isnan(judged.quality).all()
    server.reply = Server().reply
    assert judge(server.endpoint(tmp_path), [pair(0), pair(1)]).unscored() == {}


def test_a_wrong_key_is_not_tried_on_every_pair(server: Server, tmp_path: Path) -> None:
    server.reply = lambda body: (401, {"error": {"message": "wrong key"}})
    judged = judge(server.endpoint(tmp_path, concurrency=1), [pair(n) for n in range(50)])
    assert judged.unscored() == {"call refused (401)": 50}
    assert len(server.asked) == 1


def test_an_unreachable_endpoint_is_counted(tmp_path: Path) -> None:
    endpoint = Endpoint(model="m", base_url="http://127.0.0.1:9/v1", retries=0, cache=tmp_path / "cache.sqlite")
    assert judge(endpoint, [pair()]).unscored() == {"no connection": 1}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (completion("", refusal="I cannot judge this."), "refused by the model"),
        (completion("", "content_filter"), "refused by the model"),
        (completion("Intents: the fox", "length"), "answer cut off"),
        (completion("I like both pages."), "no score in the answer"),
        (completion("Final score: 3"), "no log-probabilities for the score"),
        (scored({"3": 0.6, "4": 0.2}), "a class is missing from the log-probabilities"),
        ({"choices": []}, "answer not understood"),
        ({"hello": "world"}, "answer not understood"),
        (["a", "list"], "answer not understood"),
        (completion("3", content=[{"token": "4", "logprob": 0.0, "bytes": None, "top_logprobs": 7}]), "answer not"),
    ],
)
def test_an_answer_without_a_score_is_counted(
    server: Server, tmp_path: Path, body: dict[str, object], reason: str
) -> None:
    server.reply = lambda asked: (200, body) if "Foxes 0" in asked["messages"][0]["content"] else Server().reply(asked)
    judged = judge(server.endpoint(tmp_path), [pair(0), pair(1)])
    assert judged.reasons[0].startswith(reason)
    assert judged.reasons[1] == ""
    assert np.isnan(judged.quality).tolist() == [True, False]


def test_an_unusable_answer_is_not_cached(server: Server, tmp_path: Path) -> None:
    bodies = iter([{"error": {"message": "upstream is away"}}] * 2)  # it is asked once more
    good = server.reply
    server.reply = lambda asked: (200, body) if (body := next(bodies, None)) else good(asked)
    endpoint = server.endpoint(tmp_path)
    assert judge(endpoint, [pair()]).reasons == ["answer not understood"]
    assert judge(endpoint, [pair()]).reasons == [""]


def test_a_missing_class_with_little_probability_is_noted(server: Server, tmp_path: Path) -> None:
    server.reply = lambda body: (200, scored({"3": 0.95, "4": 0.045}))
    judged = judge(server.endpoint(tmp_path), [pair()])
    assert judged.notes == {MISSING_CLASS: 1}
    assert judged.quality[0] == pytest.approx((3 * 0.95 + 4 * 0.045) / 0.995)


def test_a_pair_that_cannot_be_judged_is_not_sent(server: Server, tmp_path: Path) -> None:
    pairs = [pair()._replace(title2="", snippet2=""), pair()._replace(url1="fox"), pair()._replace(title2="")]
    judged = judge(server.endpoint(tmp_path), pairs)
    assert judged.reasons == ["a page without text", "invalid URL", ""]
    assert len(server.asked) == 1


@pytest.mark.parametrize("concurrency", [1, 4])
def test_the_spending_limit_is_never_exceeded(server: Server, tmp_path: Path, concurrency: int) -> None:
    one = len(load_prompt("C").fill(pair()).encode()) + 64 + 900  # the maximum cost of one call
    endpoint = server.endpoint(tmp_path, max_tokens=one + 300, concurrency=concurrency)
    judged = judge(endpoint, [pair(n) for n in range(9)])
    # 120 tokens per call: three fit besides the maximum of a fourth
    assert judged.unscored() == {"spending limit reached": 6}
    assert judged.tokens == 360 <= endpoint.max_tokens


def test_characters_split_over_several_tokens_are_joined(server: Server, tmp_path: Path) -> None:
    split = [{**token("�"), "bytes": [byte]} for byte in "狐".encode()]  # one character in three tokens
    tokens = [*split, token("。Final score: "), token("4", {"4": 0.75, "3": 0.25})]
    server.reply = lambda body: (200, completion("狐。Final score: 4", content=tokens))
    assert judge(server.endpoint(tmp_path), [pair()]).quality[0] == pytest.approx(3.75)


def test_progress_reports_pairs_and_tokens(server: Server, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    pairs = [pair(0), pair(0), pair(1)]
    LlmJudge(server.endpoint(tmp_path, concurrency=1), load_prompt("C")).judge(
        pairs, lambda done, tokens: told.append((done, tokens))
    )
    assert told == [(2, 120), (3, 240)]


def test_no_pairs_need_no_calls(server: Server, tmp_path: Path) -> None:
    assert len(judge(server.endpoint(tmp_path), []).quality) == 0
    assert server.asked == []


def test_the_key_is_in_no_log_and_no_file(server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        judge(server.endpoint(tmp_path), [pair()])
    assert caplog.text
    assert KEY not in caplog.text
    assert not any(KEY.encode() in path.read_bytes() for path in tmp_path.iterdir())


def test_calls_run_concurrently(server: Server, tmp_path: Path) -> None:
    judged = judge(server.endpoint(tmp_path, concurrency=16), [pair(n) for n in range(100)])
    assert not np.isnan(judged.quality).any()
    assert math.isclose(judged.tokens, 12_000)
