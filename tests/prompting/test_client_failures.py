"""The endpoint dies, is slow, or answers in another form: counted, retried within bounds, resumed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest
from llm_endpoint import KEY, Server, completion, pair, scored, serving

from corpus.files.pairs import TextPair
from prompting.client import ASKED_AGAIN
from prompting.endpoint import Endpoint
from prompting.judge import Judged, LlmJudge
from prompting.judge_prompt import load_prompt

PAIRS = [pair(n) for n in range(12)]


def judge(endpoint: Endpoint, pairs: list[TextPair]) -> Judged:
    return LlmJudge(endpoint, load_prompt("B")).judge(pairs)


def hang_up_after(server: Server, answers: int) -> None:
    good = server.reply
    server.reply = lambda body: good(body) if len(server.asked) <= answers else (0, None)


def test_a_server_that_died_is_given_up_after_three_questions(server: Server, tmp_path: Path) -> None:
    hang_up_after(server, 4)
    judged = judge(server.endpoint(tmp_path, concurrency=1, retries=1), PAIRS)
    assert judged.unscored() == {"no connection": 8}
    assert len(server.asked) == 4 + 3 * 2


def test_a_server_that_sends_blanks_instead_of_an_answer_is_slow(server: Server, tmp_path: Path) -> None:
    server.blanks_s = 3.0
    judged = judge(server.endpoint(tmp_path, concurrency=1, retries=0, timeout_s=0.5), PAIRS)
    assert (judged.unscored(), len(server.asked)) == ({"timed out": 12}, 3)


def test_another_server_goes_on_where_the_first_one_died(server: Server, tmp_path: Path) -> None:
    hang_up_after(server, 4)
    judge(server.endpoint(tmp_path, concurrency=1, retries=0), PAIRS)
    with serving() as other:
        judged = judge(other.endpoint(tmp_path), PAIRS)
        assert (judged.unscored(), judged.from_cache, len(other.asked)) == ({}, 4, 8)


def test_a_server_that_comes_back_loses_nothing(server: Server, tmp_path: Path) -> None:
    good = server.reply
    server.reply = lambda body: (0, None) if len(server.asked) % 3 == 2 else good(body)
    assert judge(server.endpoint(tmp_path, concurrency=1), PAIRS).unscored() == {}


def test_a_slow_server_is_given_up_too(server: Server, tmp_path: Path) -> None:
    late, good = Event(), server.reply
    server.reply = lambda body: good(body) if late.wait(10) else (0, None)
    judged = judge(server.endpoint(tmp_path, concurrency=1, retries=0, timeout_s=0.1), PAIRS)
    late.set()
    assert judged.unscored() == {"timed out": 12}


@pytest.mark.parametrize(
    "bad",
    [
        (200, b""),
        (200, b'{"choices": [{"message": {"content": "Final'),
        (200, b"<html>busy</html>"),
        (200, completion("")),
        (200, completion('{"final_score": ')),
        (200, completion('{"final_score": 3', "length")),
    ],
)
def test_an_answer_in_another_form_is_asked_for_once_more(server: Server, tmp_path: Path, bad: object) -> None:
    good = server.reply
    server.reply = lambda body: good(body) if body["temperature"] else bad
    judged = judge(server.endpoint(tmp_path), [pair()])
    assert (judged.unscored(), judged.notes, judged.asked) == ({}, {ASKED_AGAIN: 1}, 1)
    assert [body["temperature"] for body in server.asked] == [0, 0.7]
    assert judge(server.endpoint(tmp_path), [pair()]).from_cache == 1


def test_two_answers_in_another_form_are_enough(server: Server, tmp_path: Path) -> None:
    server.reply = lambda body: (200, completion("I like both."))
    judged = judge(server.endpoint(tmp_path), [pair()])
    assert judged.unscored() == {"no score in the answer": 1}
    assert len(server.asked) == 2


@pytest.mark.parametrize("name", ["code", "type"])
def test_a_prompt_that_is_too_long_is_named(server: Server, tmp_path: Path, name: str) -> None:
    error = {"message": f"too long, {KEY}", name: "exceed_context_size_error"}
    server.reply = lambda body: (400, {"error": error})
    judged = judge(server.endpoint(tmp_path), [pair()])
    assert judged.unscored() == {"the prompt does not fit into the model's context": 1}
    assert len(server.asked) == 1


def test_the_answers_schema_is_sent(server: Server, tmp_path: Path) -> None:
    judge(server.endpoint(tmp_path), [pair()])
    form = server.asked[0]["response_format"]
    assert form["type"] == "json_schema"
    assert form["json_schema"]["schema"]["required"] == ["final_score"]


def test_a_model_without_schemas_is_asked_without(server: Server, tmp_path: Path) -> None:
    good, error = server.reply, {"message": "This response_format type is unavailable now"}
    server.reply = lambda body: (400, {"error": error}) if "response_format" in body else good(body)
    judged = judge(server.endpoint(tmp_path), PAIRS)
    assert judged.unscored() == {}
    assert judged.notes == {"calls without response_format, which the model rejects": 12}
    assert len(server.asked) == 13


def test_no_schema_is_sent_if_the_settings_say_so(server: Server, tmp_path: Path) -> None:
    assert judge(server.endpoint(tmp_path, json_schema=False), [pair()]).unscored() == {}
    assert "response_format" not in server.asked[0]


def test_a_kill_costs_the_calls_in_flight_at_most(server: Server, tmp_path: Path) -> None:
    lines = ["url1,title1,snippet1,url2,title2,snippet2", *(",".join(one) for one in PAIRS)]
    (tmp_path / "pairs.csv").write_text("\n".join(lines))
    command = [sys.executable, "-c", "from cli.main import main; main()", "judge"]
    options = ["--pairs", str(tmp_path / "pairs.csv"), "--prompt", "B", "--out", str(tmp_path / "out.jsonl")]
    settings = {"BASE_URL": server.url, "MODEL": "m", "KEY": KEY, "CONCURRENCY": "2"}
    settings["CACHE"] = str(tmp_path / "cache.sqlite")
    environ = {**os.environ, **{f"ONWARD_LLM_{name}": value for name, value in settings.items()}}
    reached, let_go = Event(), Event()

    def reply(body: dict[str, object]) -> tuple[int, object]:
        if len(server.asked) > 6 and not let_go.is_set():
            reached.set()
            let_go.wait(60)
        return 200, scored({"3": 1.0})

    server.reply = reply
    with subprocess.Popen([*command, *options], env=environ, stderr=subprocess.PIPE) as process:
        assert reached.wait(60)
        process.send_signal(signal.SIGKILL)
        process.wait()
    let_go.set()
    done = subprocess.run([*command, *options], env=environ, capture_output=True, text=True, check=True)
    assert len(server.asked) <= len(PAIRS) + 2
    assert "12 of 12 pairs labelled" in done.stdout
    assert KEY not in done.stdout + done.stderr
