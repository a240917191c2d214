from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.explorer.page_index import PageIndex, build, fold
from store.page_row import FACTS, PageText, pack

PAGES = [
    ("Merge sort", "https://a.example/merge", 5),
    ("How to sort", "https://a.example/how", 50),
    ("Sorting networks", "https://a.example/networks", 1),
    ("Assorted nuts", "https://a.example/nuts", 90),
    ("Éclair au café", "https://b.example/éclair", 2),
    ("並び替え", "https://b.example/narabikae", 3),
]


def index_of(*pages: tuple[str, str, int]) -> PageIndex:
    rows = []
    for number, (title, url, clicks) in enumerate(pages):
        facts = np.zeros(1, FACTS)[0]
        facts["page"], facts["clicks_all"] = number, clicks
        rows.append(pack(facts, np.empty(0, np.uint32), PageText(url, title, "", "en")))
    return build([rows[:2], rows[2:]] if len(rows) > 2 else [rows])


def found(typed: str, *pages: tuple[str, str, int], most: int = 8) -> list[str]:
    pages = pages or tuple(PAGES)
    return [pages[page][0] for page in index_of(*pages).find(typed, most)]


def test_titles_that_begin_so_come_first_then_words_then_the_rest_by_clicks() -> None:
    assert found("sort") == ["Sorting networks", "How to sort", "Merge sort", "Assorted nuts"]


def test_every_word_must_be_there_in_any_order() -> None:
    assert found("sort merge") == ["Merge sort"]
    assert found("sort zebra") == []


@pytest.mark.parametrize("typed", ["eclair", "ÉCLAIR", "Cafe", "b.example/e"])
def test_case_and_accents_do_not_matter(typed: str) -> None:
    assert found(typed) == ["Éclair au café"]


def test_scripts_without_spaces_are_found_inside_a_title() -> None:
    assert found("替え") == ["並び替え"]


def test_an_address_is_found_with_its_scheme() -> None:
    assert found("https://a.example/networks") == ["Sorting networks"]


def test_nothing_typed_gives_the_most_clicked_pages() -> None:
    assert found("  ", most=2) == ["Assorted nuts", "How to sort"]


def test_no_pages_give_no_suggestions() -> None:
    assert build([]).find("sort", 8) == []


def test_line_breaks_in_a_title_stay_in_its_line() -> None:
    assert found("b c", ("a\nb\tc", "https://a.example/", 1), ("other", "https://a.example/o", 2)) == ["a\nb\tc"]


_titles = st.text(alphabet="abé 替\t", min_size=1, max_size=8)


@settings(deadline=None, max_examples=60)
@given(st.lists(_titles, max_size=12), _titles)
def test_each_page_is_found_once_and_has_every_word(titles: list[str], typed: str) -> None:
    pages = [(title, f"https://x.example/{number}", number) for number, title in enumerate(titles)]
    listed = index_of(*pages).find(typed, 20) if pages else []
    texts = {number: fold(f"{title} x.example/{number}") for number, (title, _, _) in enumerate(pages)}
    words = fold(typed).split()
    assert sorted(listed) == [number for number, text in texts.items() if all(word in text for word in words)]
