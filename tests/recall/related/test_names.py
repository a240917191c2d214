import math

import numpy as np
import pytest

from corpus.urls.url import page_id
from corpus.urls.url_rules import RULES
from recall.related.names import Namer, distinctness, links, names_of, unambiguous

SITE = "https://docs.example/guide"


def test_a_page_is_called_by_its_title_the_parts_of_it_and_the_last_part_of_its_url() -> None:
    found = names_of("open, openat - open a file | Manual", f"{SITE}/open-file.html")
    assert {"open", "openat", "open a file", "manual", "open file"} <= found


@pytest.mark.parametrize("title", ["", "?", "C"])
def test_a_title_without_words_or_of_one_letter_is_no_name(title: str) -> None:
    assert names_of(title, "https://docs.example/") == set()


def test_a_name_of_two_pages_is_no_name() -> None:
    names = [{"manual", "open"}, {"manual", "close"}]
    assert unambiguous(names, {}, common=9) == {"open": 0, "close": 1}


def test_a_word_on_many_pages_is_no_name() -> None:
    assert unambiguous([{"open"}, {"open a file"}], {"open": 10}, common=9) == {"open a file": 1}


def test_names_are_whole_words_and_may_overlap() -> None:
    namer = Namer({"open": 0, "open file": 1, "file open": 2})
    assert namer.find(["reopen", "file"]) == {}
    assert namer.find(["the", "open", "file", "open"]) == {0: 2, 1: 1, 2: 1}


def test_names_in_a_script_without_spaces_are_found_as_words() -> None:
    namer = Namer(dict.fromkeys(names_of("東京", "https://docs.example/"), 0))
    from corpus.text.words import words

    assert namer.find(words("私は東京に住んでいます")) == {0: 1}


@pytest.mark.parametrize(
    "body",
    [
        '<a class="x" href="other.html">there</a>',
        "<A HREF='/guide/other.html#part'>there</A>",
        "see [there](https://docs.example/guide/other.html)",
    ],
)
def test_links_in_html_and_markdown_are_found(body: str) -> None:
    rows = {page_id(f"{SITE}/other.html"): 7}
    assert list(links(body, f"{SITE}/page.html", rows, RULES)) == [7]


@pytest.mark.parametrize("body", ["", "[x](", '<a href="mailto:a@b">', '<a href="http://[">', "other.html"])
def test_what_links_no_page_is_passed_over(body: str) -> None:
    assert list(links(body, f"{SITE}/page.html", {1: 1}, RULES)) == []


def test_a_page_that_all_name_says_less_and_none_names_itself() -> None:
    found = distinctness([{0: 5, 1: 1, 2: 1}, {2: 1}, {0: 1}]).toarray()
    assert found[0, 0] == 0
    assert found[0, 1] > found[0, 2] == found[1, 2] > 0
    assert found[0, 1] == np.float32(math.log1p(math.log(4 / 1)))
