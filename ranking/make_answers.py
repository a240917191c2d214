"""Makes rows of the `answers` table with the serving cascade, many pages at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import NamedTuple

from cascade.abreast import abreast
from cascade.deadline import Deadline
from cascade.executor import Cascade
from cascade.trace import Trace, tracing
from cascade.types import Query
from ranking import stored_answers
from store.answer_row import NotStorable

#: Returns the hash of what a page's present row was made from; None where it has none.
Kept = Callable[[int], int | None]


class Made(NamedTuple):
    """What became of one page."""

    page: int
    row: bytes | None  # None: kept, or not storable
    kept: bool = False  # its inputs are those of its present row


async def make(
    cascade: Cascade, pages: Iterable[int], at_once: int, kept: Kept = lambda page: None
) -> AsyncIterator[Made]:
    """Yield each page's row, in order. A page is not ranked again where its inputs are those that `kept` returns.

    A list that lacks a part, or that a row cannot hold, gets no row: it is computed when it is asked for.
    """

    async def one(page: int) -> Made:
        trace, query = Trace(explain=True), Query("https://known.invalid/", page)  # tables know the page's URL
        with tracing(trace):
            query, found = await cascade.candidates(cascade.dated(query), Deadline.never(), trace)
            inputs = stored_answers.inputs_of(query, found)
            if kept(page) == inputs:
                return Made(page, None, kept=True)
            ranked = await cascade.rank(query, found, Deadline.never(), trace)
        try:
            return Made(page, stored_answers.pack(query, ranked, trace, inputs))
        except NotStorable:
            return Made(page, None)

    async for made in abreast(pages, one, at_once):
        yield made


async def warm_up(cascade: Cascade, page: int) -> None:
    """Rank one page: until the cross-encoder has been timed, it scores fewer pairs per call than the gateway's does."""
    await cascade.ranked(Query("https://known.invalid/", page), Deadline.never(), Trace())
