"""Asks an endpoint many things side by side: each once, each with an answer or the reason why it has none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from prompting.answer import Unanswered
from prompting.cache import AnswerCache
from prompting.client import Client
from prompting.endpoint import Endpoint

Asked = TypeVar("Asked", bound=Hashable)
Said = TypeVar("Said")

#: Called after each thing asked with the things done and the tokens spent so far.
Progress = Callable[[int, int], None]


def silent(done: int, tokens: int) -> None:
    """Show no progress."""


@dataclass(frozen=True, slots=True)
class Answers(Generic[Said]):
    """What was said, one a thing asked, in its order, and what that cost."""

    said: list[Said | Unanswered]
    tokens: int  # paid for in this run
    from_cache: int  # answers that were not
    remarks: dict[str, int]  # on the calls: what the endpoint refused to be told


def ask_each(
    endpoint: Endpoint,
    things: Sequence[Asked],
    ask: Callable[[Client, Asked], Awaitable[Said]],
    progress: Progress = silent,
) -> Answers[Said]:
    """Return what `ask` makes of each thing; one that comes twice is asked once.

    Unanswered is taken for an answer, so that nothing that fails is fatal. Not to be called where an event loop runs.
    """
    cache = AnswerCache(endpoint.cache)
    try:
        return asyncio.run(_ask_each(endpoint, cache, things, ask, progress))
    finally:
        cache.close()


async def _ask_each(
    endpoint: Endpoint,
    cache: AnswerCache,
    things: Sequence[Asked],
    ask: Callable[[Client, Asked], Awaitable[Said]],
    progress: Progress,
) -> Answers[Said]:
    said: dict[Asked, Said | Unanswered] = {}
    rows: dict[Asked, int] = {}
    done = 0
    for thing in things:
        rows[thing] = rows.get(thing, 0) + 1

    async def work(client: Client, todo: Iterator[tuple[Asked, int]]) -> None:
        nonlocal done
        for thing, same in todo:  # the workers share one iterator: each thing is taken once
            try:
                said[thing] = await ask(client, thing)
            except Unanswered as unanswered:
                said[thing] = unanswered
            done += same
            progress(done, client.spending.spent)

    todo = iter(rows.items())
    async with Client(endpoint, cache) as client, asyncio.TaskGroup() as workers:
        for _ in range(min(endpoint.concurrency, len(rows))):
            workers.create_task(work(client, todo))
    return Answers([said[thing] for thing in things], client.spending.spent, client.from_cache, client.remarks)
