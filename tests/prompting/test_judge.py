from __future__ import annotations

import logging
import math
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from llm_endpoint import KEY, Server, completion, pair, scored, token

from corpus.files.pairs import TextPair
from prompting.endpoint import Endpoint
from prompting.judge import MISSING_CLASS, Judged, LlmJudge
from prompting.judge_prompt import load_prompt


def judge(endpoint: Endpoint, pairs: list[TextPair], prompt: str = "C") -> Judged:
    return LlmJudge(endpoint, load_prompt(prompt)).judge(pairs)


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


def with_usage(usage: object) -> dict[str, object]:
    return {**scored({"3": 1.0}), "usage": usage}


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"total_tokens": 120}, 120),
        ({"prompt_tokens": 100, "completion_tokens": 20}, 120),
        ({"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": None}, 120),
        ({"total_tokens": 120.0}, 120),
        (None, None),
        ({}, None),
        ({"total_tokens": None}, None),
        ({"total_tokens": "many"}, None),
        ({"total_tokens": -5}, None),
        ({"total_tokens": 1e30}, None),
        ({"total_tokens": float("nan")}, None),
        ({"total_tokens": 10**400}, None),
        ({"completion_tokens": 20}, None),
        ([120], None),
        (120, None),
    ],
)
def test_an_answer_without_its_cost_is_scored_and_billed_the_maximum(
    server: Server, tmp_path: Path, usage: object, tokens: int | None
) -> None:
    server.reply = lambda body: (200, with_usage(usage))
    judged = judge(server.endpoint(tmp_path), [pair()])
    most = len(load_prompt("C").fill(pair()).encode()) + 64 + 900
    assert (judged.quality.tolist(), judged.tokens) == ([3.0], tokens or most)


def test_an_answer_without_usage_is_scored(server: Server, tmp_path: Path) -> None:
    body = scored({"3": 1.0})
    del body["usage"]
    server.reply = lambda asked: (200, body)
    assert judge(server.endpoint(tmp_path), [pair()]).quality.tolist() == [3.0]


def listing(logprobs: dict[str, object]) -> dict[str, object]:
    """Return an answer whose score has the given log-probabilities."""
    listed = [{"token": text, "logprob": value, "bytes": None} for text, value in logprobs.items()]
    digit = {"token": "3", "logprob": 0.0, "bytes": None, "top_logprobs": listed}
    return completion("Final score: 3", content=[token("Final score: "), digit])


BAD_SHARES = [
    listing({"3": None, "4": -1.0}),
    listing({"3": math.nan, "4": -1.0}),
    listing({"3": 2.0, "4": -1.0}),
    listing({"3": math.inf}),
    listing({"3": "high"}),
    listing({"3": True}),
    listing(dict.fromkeys("01234", -0.1)),
]


@pytest.mark.parametrize("body", BAD_SHARES)
def test_invalid_log_probabilities_cost_only_one_pair_its_score(
    server: Server, tmp_path: Path, body: dict[str, object]
) -> None:
    server.reply = lambda asked: (200, body) if "Foxes 0" in asked["messages"][0]["content"] else Server().reply(asked)
    endpoint = server.endpoint(tmp_path)
    judged = judge(endpoint, [pair(0), pair(1)])
    assert judged.reasons == ["unusable log-probabilities", ""]
    server.reply = Server().reply
    assert judge(endpoint, [pair(0), pair(1)]).reasons == ["", ""]  # nothing was cached


@pytest.mark.parametrize("least", [-math.inf, -9999.0, -1e300])
def test_an_impossible_class_has_no_weight(server: Server, tmp_path: Path, least: float) -> None:
    server.reply = lambda body: (200, listing({"3": 0.0, "4": least, "2": least, "1": least, "0": least}))
    endpoint = server.endpoint(tmp_path)
    assert judge(endpoint, [pair()]).quality.tolist() == [3.0]
    assert judge(endpoint, [pair()]).quality.tolist() == [3.0]  # from the cache, which stores JSON


def test_a_logarithm_slightly_above_0_counts_as_0(server: Server, tmp_path: Path) -> None:
    server.reply = lambda body: (200, listing({"3": 1e-7}))
    assert judge(server.endpoint(tmp_path), [pair()]).quality.tolist() == [3.0]


@pytest.mark.parametrize(
    "change",
    [
        {"logprobs": None},
        {"logprobs": {}},
        {"logprobs": {"content": None}},
        {"logprobs": {"content": []}},
        {"logprobs": {"content": [{**token("Final score: 3"), "top_logprobs": None}]}},
    ],
)
def test_a_score_without_log_probabilities_has_a_reason(
    server: Server, tmp_path: Path, change: dict[str, object]
) -> None:
    body = completion("Final score: 3")
    body["choices"][0] |= change
    server.reply = lambda asked: (200, body)
    assert judge(server.endpoint(tmp_path), [pair()]).reasons == ["no log-probabilities for the score"]


THOUGHT = [token("<think>"), token("Final score: "), token("0", {"0": 0.98, "1": 0.02}), token("? no.</think>\n")]
SCORE = [token("Final score: "), token("3", {"3": 1.0})]


@pytest.mark.parametrize(
    "text", ["Final score: 3", "<think>Final score: 0? no.</think>\nFinal score: 3", "\nFinal score: 3"]
)
def test_a_digit_in_the_reasoning_is_not_the_score(server: Server, tmp_path: Path, text: str) -> None:
    server.reply = lambda body: (200, completion(text, content=[*THOUGHT, *SCORE]))
    assert judge(server.endpoint(tmp_path), [pair()]).quality.tolist() == [3.0]


def test_a_lone_digit_after_the_reasoning_is_the_score(server: Server, tmp_path: Path) -> None:
    tokens = [token("0", {"0": 0.98, "3": 0.02}), token(" or 3"), token("3", {"3": 1.0}), token("<|end|>")]
    server.reply = lambda body: (200, completion("3", content=tokens))
    assert judge(server.endpoint(tmp_path), [pair()], "B").quality.tolist() == [3.0]


def test_log_probabilities_of_only_the_reasoning_are_not_used(server: Server, tmp_path: Path) -> None:
    server.reply = lambda body: (200, completion("Final score: 3", content=[*THOUGHT]))
    assert judge(server.endpoint(tmp_path), [pair()]).reasons == ["no log-probabilities for the score"]


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "text", "text": "Final score: "}, {"type": "text", "text": "3"}],
        [{"type": "thinking", "text": "Final score: 0"}, {"type": "output_text", "text": "Final score: 3"}],
        ["Final score: 3"],
    ],
)
def test_content_in_parts_is_read(server: Server, tmp_path: Path, content: object) -> None:
    body = completion("", content=SCORE)
    body["choices"][0]["message"]["content"] = content
    server.reply = lambda asked: (200, body)
    assert judge(server.endpoint(tmp_path), [pair()]).quality.tolist() == [3.0]


ODD = [
    ({"choices": None}, "answer not understood"),
    ({"choices": [None]}, "answer not understood"),
    ({"choices": [{"message": None}]}, "answer not understood"),
    ({"choices": [{"message": {"content": 7}}]}, "answer not understood"),
    ({"choices": [{"message": {"content": None}}]}, "no score in the answer"),
    ({"choices": [{"message": {"content": [{"refusal": "no"}]}}]}, "refused by the model"),
    ({"choices": [{"message": {"content": "\ud83d"}}]}, "no score in the answer"),
    ({"error": {"message": "busy"}}, "answer not understood"),
    (None, "answer not understood"),
    ("busy", "answer not understood"),
    ({"choices": [{"message": {"content": "3"}, "logprobs": {"content": 5}}]}, "answer not understood"),
    ({"choices": [{"message": {"content": "3"}, "logprobs": {"content": [None]}}]}, "answer not understood"),
    ({"choices": [{"message": {"content": "3"}, "logprobs": 7}]}, "answer not understood"),
]


@pytest.mark.parametrize(("body", "reason"), ODD)
def test_a_malformed_answer_costs_only_one_pair_its_score_and_is_not_cached(
    server: Server, tmp_path: Path, body: dict[str, object], reason: str
) -> None:
    server.reply = lambda asked: (200, body) if "Foxes 0" in asked["messages"][0]["content"] else Server().reply(asked)
    endpoint = server.endpoint(tmp_path)
    judged = judge(endpoint, [pair(0), pair(1)])
    assert judged.reasons == [reason, ""]
    server.reply = Server().reply
    again = judge(endpoint, [pair(0), pair(1)])
    assert (again.reasons, again.from_cache) == (["", ""], 1)


@pytest.mark.parametrize("finish", ["\ud83d", 7, ["stop"]])
def test_an_unknown_finish_reason_is_accepted(server: Server, tmp_path: Path, finish: object) -> None:
    body = scored({"3": 0.9, "2": 0.1})
    body["choices"][0]["finish_reason"] = finish
    server.reply = lambda asked: (200, body)
    endpoint = server.endpoint(tmp_path)
    judged, again = judge(endpoint, [pair()]), judge(endpoint, [pair()])
    assert (judged.reasons, again.from_cache) == ([""], 1)


def test_unfinished_reasoning_is_not_an_answer(server: Server, tmp_path: Path) -> None:
    thought = "<think>Perhaps Score: "
    server.reply = lambda body: (200, completion(f"{thought}0", content=[token(thought), token("0", {"0": 1.0})]))
    assert judge(server.endpoint(tmp_path), [pair()]).reasons == ["answer cut off"]


def test_an_unusable_cached_answer_is_requested_again(server: Server, tmp_path: Path) -> None:
    endpoint = server.endpoint(tmp_path)
    judge(endpoint, [pair()])
    for rubbish in (b"{", b"null", b'{"text": "3", "classes": [{"offset": 0, "logprobs": [["3", null]]}]}'):
        with sqlite3.connect(endpoint.cache) as kept:
            kept.execute("UPDATE answers SET blob = ?", (rubbish,))
        kept.close()
        assert judge(endpoint, [pair()]).reasons == [""]


def refusing(refused: dict[str, dict[str, object]], server: Server) -> None:
    """Let the endpoint reject parameters, each with its own error."""
    good = server.reply

    def reply(body: dict[str, object]) -> tuple[int, dict[str, object]]:
        name = next((name for name in refused if name in body), None)
        return (400, {"error": refused[name]}) if name else good(body)

    server.reply = reply


MAX_TOKENS = {
    "message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'.",
    "type": "invalid_request_error", "param": "max_tokens", "code": "unsupported_parameter",
}  # fmt: skip
TEMPERATURE = {
    "message": "Unsupported value: 'temperature' does not support 0 with this model.", "param": "temperature",
    "code": "unsupported_value",
}  # fmt: skip


@pytest.mark.parametrize("told", ["by name", "by message"])
def test_rejected_parameters_are_replaced_after_the_first_rejection(server: Server, tmp_path: Path, told: str) -> None:
    errors = {"max_tokens": MAX_TOKENS, "temperature": TEMPERATURE}
    if told == "by message":
        errors = {name: {"message": error["message"]} for name, error in errors.items()}
    refusing(errors, server)
    judged = judge(server.endpoint(tmp_path, concurrency=8), [pair(n) for n in range(20)])
    assert judged.unscored() == {}
    assert len(server.asked) == 22
    assert server.asked[-1]["max_completion_tokens"] == 900
    assert judged.notes == {
        "calls with max_completion_tokens instead of max_tokens, which the model rejects": 20,
        "calls without temperature, which the model rejects": 20,
    }
    assert judge(server.endpoint(tmp_path), [pair(0)]).from_cache == 1  # keyed by the original parameters


def test_a_rejected_parameter_without_replacement_is_named_and_tried_once(server: Server, tmp_path: Path) -> None:
    error = {"message": "unknown field", "param": "logprobs", "code": "unsupported_parameter"}
    refusing({"logprobs": error}, server)
    judged = judge(server.endpoint(tmp_path, concurrency=8), [pair(n) for n in range(20)])
    assert judged.unscored() == {"call refused: the model does not take logprobs": 20}
    assert len(server.asked) == 1


def test_an_unrelated_error_is_not_a_rejected_parameter(server: Server, tmp_path: Path) -> None:
    server.reply = lambda body: (400, {"error": {"message": "max_tokens: the prompt is too long"}})
    assert judge(server.endpoint(tmp_path), [pair(0)]).unscored() == {"call refused (400)": 1}
    assert len(server.asked) == 1
