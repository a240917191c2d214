"""A correct store of unknown pages, and one that breaks each rule of the contract."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from contracts.unknown_pages import MOST, UnknownPagesContract
from store.unknown_pages import UnknownPage, UnknownPages


class Memory:
    """Keeps pages in a dictionary, which stands for a file."""

    breaks = ""

    def __init__(self, rows: dict[int, UnknownPage]) -> None:
        self.rows = rows

    def add(self, pages: Mapping[int, UnknownPage]) -> int:
        new = {page: words for page, words in pages.items() if page not in self.rows}
        self.rows |= {page: words for page, words in pages.items() if self.better(page, words)}
        taken = self.taken(list(new))
        self.rows |= {page: new[page] for page in taken}
        return len(new) - len(taken)

    def better(self, page: int, words: UnknownPage) -> bool:
        return page in self.rows and words.fields_sent > self.rows[page].fields_sent

    def taken(self, new: list[int]) -> list[int]:
        return new[: self.room()]

    def room(self) -> int:
        return max(0, MOST - len(self.rows))

    def waiting(self) -> dict[int, UnknownPage]:
        return dict(self.rows)

    def count(self) -> int:
        return len(self.rows)

    def remove(self, pages: Iterable[int]) -> None:
        for page in list(pages):
            self.rows.pop(page, None)


class SignedPages(Memory):
    breaks = "test_a_page_waits_with_the_words_that_were_sent"

    def add(self, pages: Mapping[int, UnknownPage]) -> int:
        return super().add({page & (2**63 - 1): words for page, words in pages.items()})


class KeepsPagesToItself(Memory):
    breaks = "test_another_process_sees_what_waits"

    def __init__(self, rows: dict[int, UnknownPage]) -> None:
        super().__init__({})


class LastWordsWin(Memory):
    breaks = "test_a_page_waits_once_as_first_sent"

    def better(self, page: int, words: UnknownPage) -> bool:
        return page in self.rows and words.fields_sent >= self.rows[page].fields_sent


class ReplacesOnlyAnAddress(Memory):
    breaks = "test_more_words_replace_fewer"

    def better(self, page: int, words: UnknownPage) -> bool:
        return super().better(page, words) and self.rows[page].fields_sent == 0


class ForgetsWords(Memory):
    breaks = "test_fewer_words_never_replace_more"

    def better(self, page: int, words: UnknownPage) -> bool:
        return page in self.rows and words.fields_sent != self.rows[page].fields_sent


class RefusesAllWhenFull(Memory):
    breaks = "test_a_full_store_takes_more_words_for_its_pages"

    def better(self, page: int, words: UnknownPage) -> bool:
        return super().better(page, words) and self.room() > 0


class KeepsMoreThanItsLimit(Memory):
    breaks = "test_keeps_the_first_pages_up_to_its_limit test_says_how_many_pages_found_no_room"

    def room(self) -> int:
        return super().room() + 1


class CountsItsLimit(Memory):
    breaks = "test_counts_what_waits"

    def count(self) -> int:
        return MOST


class KeepsTheLastPages(Memory):
    breaks = "test_keeps_the_first_pages_up_to_its_limit"

    def taken(self, new: list[int]) -> list[int]:
        return super().taken(new[::-1])


class NeverSaysThatItIsFull(Memory):
    breaks = "test_says_how_many_pages_found_no_room"

    def add(self, pages: Mapping[int, UnknownPage]) -> int:
        return super().add(pages) * 0


class GetsNoRoomBack(Memory):
    breaks = "test_removed_pages_make_room"
    removed = 0

    def remove(self, pages: Iterable[int]) -> None:
        before = len(self.rows)
        super().remove(pages)
        self.removed += before - len(self.rows)

    def room(self) -> int:
        return max(0, MOST - len(self.rows) - self.removed)


class FailsOnAnAbsentPage(Memory):
    breaks = "test_removing_an_absent_page_does_nothing"

    def remove(self, pages: Iterable[int]) -> None:
        for page in list(pages):
            del self.rows[page]


class FailsOnAnEmptyCall(Memory):
    breaks = "test_any_sequence_of_calls_does_as_the_rules_say"

    def add(self, pages: Mapping[int, UnknownPage]) -> int:
        most = max(words.fields_sent for words in pages.values())
        return super().add({page: words for page, words in pages.items() if words.fields_sent <= most})


class TestMemory(UnknownPagesContract):
    @pytest.fixture(params=[Memory, *Memory.__subclasses__()], ids=lambda toy: toy.__name__)
    def toy(self, request: pytest.FixtureRequest) -> type[Memory]:
        return request.param

    @pytest.fixture
    def rows(self) -> dict[int, UnknownPage]:
        return {}

    @pytest.fixture
    def pages(self, toy: type[Memory], rows: dict[int, UnknownPage]) -> UnknownPages:
        return toy(rows)

    @pytest.fixture
    def reopened(self, pages: UnknownPages, toy: type[Memory], rows: dict[int, UnknownPage]) -> UnknownPages:
        return toy(rows)
