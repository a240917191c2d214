"""Parameters that an endpoint rejects."""

from __future__ import annotations

from pathlib import Path

import pytest
from llm_endpoint import Server, pair

from tests.prompting.judging import judge


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
