import pytest

from corpus.urls.copies import copy_key

ARTICLE = copy_key("https://news.example/rents/42", "Rents rise again")


@pytest.mark.parametrize(
    ("url", "title"),
    [
        ("https://www.news.example/rents/42/amp/", "Rents rise again"),
        ("https://news.example/rents/42?page=2", "Rents rise again – Page 2 of 3"),
        ("http://news.example/rents/42/print", "Rents rise again (print)"),
        ("https://news.example/rents/42/index.html", "RENTS RISE AGAIN"),
    ],
)
def test_views_and_further_pages_are_copies(url: str, title: str) -> None:
    assert copy_key(url, title) == ARTICLE


@pytest.mark.parametrize(
    ("url", "title"),
    [
        ("https://news.example/rents/43", "Rents rise again"),
        ("https://other.example/rents/42", "Rents rise again"),
        ("https://news.example/rents/42?page=2", "Comments of readers"),
    ],
)
def test_other_pages_are_not(url: str, title: str) -> None:
    assert copy_key(url, title) != ARTICLE


def test_numbered_posts_are_pages_of_their_own() -> None:
    assert copy_key("https://a.example/p/12", "Bread") != copy_key("https://a.example/p/13", "Soup")
    assert copy_key("https://a.example/p/12", "") != copy_key("https://a.example/p/13", "")
