from __future__ import annotations

from cascade.types import Query
from service.answers.answer import Answer
from service.answers.page_counts import PageCounts, Tally
from service.answers.request import Request


def test_a_tally_lists_the_most_frequent_first() -> None:
    tally = Tally()
    for key in "abcbcc":
        tally.add(key)
    assert tally.top(2) == [("c", 3), ("b", 2)]


def test_a_tally_is_bounded_and_keeps_the_frequent_keys() -> None:
    tally = Tally(kept=10)
    for number in range(1_000):
        tally.add("often")
        tally.add(f"once {number}")
    assert len(tally.top(1_000)) <= 21
    assert tally.top(1) == [("often", 1_000)]


def test_known_and_unknown_pages_are_counted_apart_and_explained_answers_not() -> None:
    counts = PageCounts()
    for url, degraded, explain in (("known", (), False), ("unknown", ("unknown_page",), False), ("staff", (), True)):
        answer = Answer.of(url, (), degraded, "bundle")
        counts.after_answer(Query(url, 1), answer, Request(url, explain=explain))
    assert counts.known.top(5) == [("known", 1)]
    assert counts.unknown.top(5) == [("unknown", 1)]
