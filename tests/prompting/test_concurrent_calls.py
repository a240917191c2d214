from pathlib import Path

from llm_endpoint import Server, completion

from prompting.answer import Unanswered
from prompting.client import Client
from prompting.concurrent_calls import ask_each


async def shout(client: Client, word: str) -> str:
    if not word:
        raise Unanswered("no word")
    return (await client.ask(word, logprobs=False, answer_tokens=5)).text


def echo(server: Server) -> None:
    server.reply = lambda body: (200, completion(body["messages"][0]["content"].upper()))


def test_answers_are_in_order_and_repeated_questions_are_asked_once(server: Server, tmp_path: Path) -> None:
    echo(server)
    answers = ask_each(server.endpoint(tmp_path), ["b", "a", "b"], shout)
    assert (answers.results, answers.tokens, answers.from_cache) == (["B", "A", "B"], 240, 0)
    assert len(server.asked) == 2


def test_a_question_without_an_answer_keeps_its_position_with_the_reason(server: Server, tmp_path: Path) -> None:
    echo(server)
    results = ask_each(server.endpoint(tmp_path), ["a", "", "b"], shout).results
    assert isinstance(results[1], Unanswered)
    assert (results[0], results[1].reason, results[2]) == ("A", "no word", "B")
