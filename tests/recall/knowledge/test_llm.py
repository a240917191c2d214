from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from llm_endpoint import Server, completion, serving

from prompting.key_factors import FactorPrompts
from recall.knowledge.llm import LlmKnowledge
from recall.knowledge.source import KnownPage
from recall.knowledge.written import batch_of, counted, write

PROMPTS = FactorPrompts(("topic", "mood"))
NOTES = "topic: what foxes eat\nmood: calm"


@pytest.fixture
def server() -> Iterator[Server]:
    """A language model's endpoint on this machine, that writes the same notes on each page."""
    with serving() as running:
        running.reply = lambda body: (200, completion(NOTES))
        yield running


def page(number: int = 0, text: str = "Red foxes hunt.") -> KnownPage:
    return KnownPage(
        number, f"https://a.example/{number}", f"Foxes {number}", "en", text, "body" if text else "nothing"
    )


class AsItIs:
    def write(self, page: KnownPage) -> str:
        return page.text


def test_the_model_is_asked_for_the_factors_of_the_page(server: Server, tmp_path: Path) -> None:
    assert LlmKnowledge(server.endpoint(tmp_path), PROMPTS).write([page()]) == ["topic: what foxes eat mood: calm"]
    prompt = server.asked[0]["messages"][0]["content"]
    assert "- topic\n- mood\n" in prompt
    assert prompt.endswith("Title: Foxes 0\nText: Red foxes hunt.\n</page>\n")


def test_a_second_run_pays_nothing(server: Server, tmp_path: Path) -> None:
    first, second = (LlmKnowledge(server.endpoint(tmp_path), PROMPTS) for _ in range(2))
    assert first.write([page()]) == second.write([page()])
    assert (len(server.asked), first.tokens, second.tokens) == (1, 120, 0)


def test_other_factors_are_asked_anew(server: Server, tmp_path: Path) -> None:
    for factors in (("topic",), ("mood",)):
        LlmKnowledge(server.endpoint(tmp_path), FactorPrompts(factors)).write([page()])
    assert len(server.asked) == 2


def test_pages_that_fail_are_counted_and_extracted(server: Server, tmp_path: Path) -> None:
    server.reply = lambda body: (
        (200, completion("")) if "Foxes 1" in body["messages"][0]["content"] else (200, completion(NOTES))
    )
    llm, path = LlmKnowledge(server.endpoint(tmp_path), PROMPTS), tmp_path / "texts.parquet"
    write(path, [[page(0), page(1), page(2, "")]], AsItIs(), llm, lambda done: None)  # type: ignore[arg-type]
    assert batch_of(path, 0)["text"] == ["topic: what foxes eat mood: calm", "Red foxes hunt.", ""]
    assert counted(path) == {"llm": 1, "body": 1, "nothing": 1}
    assert llm.failed == {"an empty answer": 1, "a page without text": 1}


def test_the_spending_limit_holds_for_all_calls_together(server: Server, tmp_path: Path) -> None:
    endpoint = server.endpoint(tmp_path).model_copy(update={"max_tokens": 3_000, "concurrency": 1})
    llm = LlmKnowledge(endpoint, PROMPTS)
    written = [llm.write([page(number)]) for number in range(40)]
    assert llm.tokens <= 3_000
    assert [None] in written
    assert llm.failed["spending limit reached"] > 0


def test_a_server_that_died_is_asked_no_more_for_later_pages(server: Server, tmp_path: Path) -> None:
    server.reply = lambda body: (0, None)
    llm = LlmKnowledge(server.endpoint(tmp_path, concurrency=1, retries=0), PROMPTS)
    written = [llm.write([page(number + place) for place in range(5)]) for number in (0, 5, 10)]
    assert written == [[None] * 5] * 3
    assert (len(server.asked), llm.failed) == (3, {"no connection": 15})
