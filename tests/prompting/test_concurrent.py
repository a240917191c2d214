from pathlib import Path

from llm_endpoint import Server, completion

from prompting.answer import Unanswered
from prompting.client import Client
from prompting.concurrent import ask_each


async def shout(client: Client, word: str) -> str:
    if not word:
        raise Unanswered("no word")
    return (await client.ask(word, logprobs=False, answer_tokens=5)).text


def echo(server: Server) -> None:
    server.reply = lambda body: (200, completion(body["messages"][0]["content"].upper()))


def test_answers_stand_in_the_order_of_what_was_asked_and_each_is_asked_once(server: Server, tmp_path: Path) -> None:
    echo(server)
    answers = ask_each(server.endpoint(tmp_path), ["b", "a", "b"], shout)
    assert (answers.said, answers.tokens, answers.from_cache) == (["B", "A", "B"], 240, 0)
    assert len(server.asked) == 2


def test_what_has_no_answer_keeps_its_place_with_the_reason(server: Server, tmp_path: Path) -> None:
    echo(server)
    said = ask_each(server.endpoint(tmp_path), ["a", "", "b"], shout).said
    assert isinstance(said[1], Unanswered)
    assert (said[0], said[1].reason, said[2]) == ("A", "no word", "B")
