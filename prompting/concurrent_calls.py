"""Sends many questions to an endpoint concurrently; each gets an answer or the reason why it has none."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from prompting.answer import Unanswered
from prompting.cache import AnswerCache
from prompting.client import Client
from prompting.endpoint import Endpoint

Question = TypeVar("Question", bound=Hashable)
Result = TypeVar("Result")

#: Called after each question with the numbers of questions done and tokens spent so far.
Progress = Callable[[int, int], None]


def silent(done: int, tokens: int) -> None:
    """Show no progress."""


@dataclass(frozen=True, slots=True)
class Answers(Generic[Result]):
    """The results, one per question in order, and their cost."""

    results: list[Result | Unanswered]
    tokens: int  # spent in this run
    from_cache: int  # answers read from the cache
    asked: int  # questions sent to the endpoint
    seconds: float  # from the first question to the last answer
    remarks: dict[str, int]  # remark on the calls, such as a parameter that the model rejects -> number of calls
    given_up: str | None = None  # why the endpoint is called no more


def ask_each(
    endpoint: Endpoint,
    questions: Sequence[Question],
    ask: Callable[[Client, Question], Awaitable[Result]],
    progress: Progress = silent,
    given_up: str | None = None,
) -> Answers[Result]:
    """Return the result of `ask` for each question; repeated questions are asked once.

    Unanswered is a result, so failures are not fatal. A run of several calls passes on `given_up` of the one before.
    Must not be called from a running event loop.
    """
    cache = AnswerCache(endpoint.cache)
    try:
        return asyncio.run(_ask_each(endpoint, cache, questions, ask, progress, given_up))
    finally:
        cache.close()


async def _ask_each(
    endpoint: Endpoint,
    cache: AnswerCache,
    questions: Sequence[Question],
    ask: Callable[[Client, Question], Awaitable[Result]],
    progress: Progress,
    given_up: str | None,
) -> Answers[Result]:
    results: dict[Question, Result | Unanswered] = {}
    counts: dict[Question, int] = {}
    done = 0
    for question in questions:
        counts[question] = counts.get(question, 0) + 1

    async def work(client: Client, todo: Iterator[tuple[Question, int]]) -> None:
        nonlocal done
        for question, count in todo:  # the workers share one iterator
            try:
                results[question] = await ask(client, question)
            except Unanswered as unanswered:
                results[question] = unanswered
            done += count
            progress(done, client.spending.spent)

    todo, begun = iter(counts.items()), time.monotonic()
    async with Client(endpoint, cache, given_up) as client, asyncio.TaskGroup() as workers:
        for _ in range(min(endpoint.concurrency, len(counts))):
            workers.create_task(work(client, todo))
    return Answers(
        [results[question] for question in questions],
        client.spending.spent,
        client.from_cache,
        client.asked,
        time.monotonic() - begun,
        client.remarks,
        client.given_up,
    )
