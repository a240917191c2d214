"""The rules of a store of unknown pages (`store.unknown_pages.UnknownPages`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.checks import few_examples
from store.unknown_pages import UnknownPage, UnknownPages

#: How many pages the store under test must hold at most.
MOST = 3

FOX, OWL = UnknownPage("https://a.example/fox", "Fox", "red", "en"), UnknownPage("https://a.example/owl")

_ids = st.integers(0, MOST + 1)
_batches = st.dictionaries(_ids, st.sampled_from([OWL, FOX._replace(snippet=""), FOX]), max_size=MOST + 2)
_steps = st.lists(st.one_of(_batches, st.sets(_ids)), max_size=6)  # pages to add, or PageIds to remove


class UnknownPagesContract:
    """Override `pages` and `reopened`."""

    @pytest.fixture
    def pages(self) -> UnknownPages:
        """The store under test: empty, for at most MOST pages."""
        raise NotImplementedError("override the fixture `pages`")

    @pytest.fixture
    def reopened(self, pages: UnknownPages) -> UnknownPages:
        """The same place opened once more, as another process opens it."""
        raise NotImplementedError("override the fixture `reopened`")

    def test_a_page_waits_with_the_words_that_were_sent(self, pages: UnknownPages) -> None:
        pages.add({2**64 - 1: FOX, 0: OWL})
        assert pages.waiting() == {2**64 - 1: FOX, 0: OWL}

    def test_another_process_sees_what_waits(self, pages: UnknownPages, reopened: UnknownPages) -> None:
        pages.add({1: FOX})
        assert reopened.waiting() == {1: FOX}

    def test_a_page_waits_once_as_first_sent(self, pages: UnknownPages) -> None:
        pages.add({1: FOX})
        pages.add({1: FOX._replace(title="Hare")})
        assert pages.waiting() == {1: FOX}

    def test_more_words_replace_fewer(self, pages: UnknownPages) -> None:
        pages.add({1: OWL, 2: FOX._replace(snippet="")})
        pages.add({1: FOX, 2: FOX})
        assert pages.waiting() == {1: FOX, 2: FOX}

    def test_fewer_words_never_replace_more(self, pages: UnknownPages) -> None:
        pages.add({1: FOX, 2: FOX})
        pages.add({1: OWL, 2: FOX._replace(title="Hare", language="")})
        assert pages.waiting() == {1: FOX, 2: FOX}

    def test_a_full_store_takes_more_words_for_its_pages(self, pages: UnknownPages) -> None:
        pages.add(dict.fromkeys(range(MOST), OWL))
        pages.add({0: FOX, 1: FOX})
        assert pages.waiting() == {0: FOX, 1: FOX, 2: OWL}

    def test_keeps_the_first_pages_up_to_its_limit(self, pages: UnknownPages) -> None:
        pages.add(dict.fromkeys(range(MOST + 2), FOX))
        pages.add({9: FOX})
        assert sorted(pages.waiting()) == list(range(MOST))

    def test_says_how_many_pages_found_no_room(self, pages: UnknownPages) -> None:
        assert pages.add(dict.fromkeys(range(MOST + 2), FOX)) == 2
        assert pages.add({9: FOX}) == 1

    def test_counts_what_waits(self, pages: UnknownPages) -> None:
        assert pages.count() == 0
        pages.add({1: FOX, 2: OWL})
        assert pages.count() == 2

    def test_removed_pages_make_room(self, pages: UnknownPages) -> None:
        pages.add(dict.fromkeys(range(MOST), FOX))
        pages.remove([0, 1])
        pages.add({9: OWL})
        assert pages.waiting() == {2: FOX, 9: OWL}

    def test_removing_an_absent_page_does_nothing(self, pages: UnknownPages) -> None:
        pages.add({1: FOX})
        pages.remove([77])
        pages.remove([])
        assert pages.waiting() == {1: FOX}

    @few_examples
    @given(steps=_steps)
    def test_any_sequence_of_calls_does_as_the_rules_say(
        self, pages: UnknownPages, steps: list[dict[int, UnknownPage] | set[int]]
    ) -> None:
        pages.remove(pages.waiting())
        expected: dict[int, UnknownPage] = {}
        for step in steps:
            if isinstance(step, dict):
                assert pages.add(step) == added(expected, step)
            else:
                pages.remove(step)
                removed(expected, step)
            assert pages.waiting() == expected


def added(waiting: dict[int, UnknownPage], pages: Mapping[int, UnknownPage]) -> int:
    """Add pages as a store should; return how many found no room."""
    no_room = 0
    for page, words in pages.items():
        if page in waiting:
            waiting[page] = max(waiting[page], words, key=lambda page: page.fields_sent)
        elif len(waiting) < MOST:
            waiting[page] = words
        else:
            no_room += 1
    return no_room


def removed(waiting: dict[int, UnknownPage], pages: Iterable[int]) -> None:
    """Remove pages as a store should."""
    for page in pages:
        waiting.pop(page, None)
