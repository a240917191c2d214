"""Answers of a judge that are malformed, odd or lack what was asked for."""

from __future__ import annotations

import math
import sqlite3
from pathlib import Path

import pytest
from llm_endpoint import Server, completion, pair, scored, token

from prompting.judge_prompt import load_prompt
from tests.prompting.judging import judge


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
