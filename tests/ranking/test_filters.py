import numpy as np
import pytest

from cascade.types import Candidates, Filter, Query, Trigger
from ranking.expiry import Expired
from ranking.filters import Adult, Duplicate, Excluded, Language, SamePage, Spam, standard
from store.page_row import FACTS, language_code

EN, FR = language_code("en"), language_code("fr")
PRINT = 0b1111 << 40


def facts(**columns: int) -> np.void:
    row = np.zeros(1, FACTS)
    for name, value in columns.items():
        row[name] = value
    return row[0]


def candidates(**columns: list[int]) -> Candidates:
    size = len(next(iter(columns.values())))
    table = np.zeros(size, FACTS)
    table["page"] = np.arange(100, 100 + size)
    table["address"] = np.arange(100, 100 + size)
    table["copy"] = np.arange(100, 100 + size)
    for name, values in columns.items():
        table[name] = values
    return Candidates(table["page"], {name: table[name] for name in FACTS.names or ()})


def query(exclude: frozenset[int] = frozenset(), **columns: int) -> Query:
    trigger = Trigger(known=True, facts=facts(**columns), tokens=np.empty(0, np.uint32))
    return Query("https://a.example/", page=1, exclude=exclude, trigger=trigger)


def kept(rule: Filter, query: Query, rows: Candidates) -> list[bool]:
    mask = rule.keep(query, rows)
    assert mask.dtype == np.bool_
    return mask.tolist()


def test_the_readers_page_is_dropped_under_any_spelling() -> None:
    assert kept(SamePage(), query(address=7), candidates(page=[1, 2, 3], address=[5, 7, 8])) == [False, False, True]


def test_other_views_of_the_readers_page_are_dropped() -> None:
    assert kept(SamePage(), query(address=7, copy=9), candidates(copy=[9, 8])) == [False, True]


def test_near_duplicates_of_the_readers_page_are_dropped() -> None:
    rows = candidates(fingerprint=[PRINT, PRINT ^ 0b111, PRINT ^ 0b1111, 0])
    assert kept(Duplicate(), query(fingerprint=PRINT), rows) == [False, False, True, True]


def test_pages_without_text_are_not_duplicates() -> None:
    assert kept(Duplicate(), query(fingerprint=0), candidates(fingerprint=[0, 1])) == [True, True]


def test_only_a_known_other_language_is_dropped() -> None:
    rows = candidates(language=[EN, FR, 0])
    assert kept(Language(), query(language=EN), rows) == [True, False, True]
    assert kept(Language(), query(language=0), rows) == [True, True, True]


def test_spam_is_dropped() -> None:
    assert kept(Spam(), query(), candidates(spam=[0, 1])) == [True, False]


def test_adult_pages_are_dropped_unless_the_filter_is_off() -> None:
    assert kept(Adult(), query(), candidates(adult=[0, 1])) == [True, False]
    assert "adult" in {rule.name for rule in standard()}
    assert "adult" not in {rule.name for rule in standard(adult=False)}


def test_pages_already_shown_are_dropped() -> None:
    rows = candidates(page=[2, 2**64 - 1, 4])
    assert kept(Excluded(), query(exclude=frozenset({2**64 - 1, 77})), rows) == [True, False, True]
    assert kept(Excluded(), query(), rows) == [True, True, True]


@pytest.mark.parametrize("rule", standard(Expired(oldest_days=5)), ids=lambda rule: rule.name)
def test_every_filter_accepts_an_empty_list(rule: Filter) -> None:
    rows = candidates(page=[])
    assert kept(rule, query(address=3, language=EN, fingerprint=PRINT), rows) == []


@pytest.mark.parametrize("rule", standard(), ids=lambda rule: rule.name)
def test_every_filter_works_before_the_trigger_is_known(rule: Filter) -> None:
    assert kept(rule, Query("https://a.example/", page=1), candidates(language=[EN, FR])) == [True, True]
