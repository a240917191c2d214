import time

import pytest

from corpus.urls.path_pattern import page_pattern, path_pattern
from corpus.urls.url import InvalidURL

# What the canonical form strips: fragments, tracking parameters, dots.
EVERY_PAGE = ["https://news.example/*", "*/**", "*/*#part", "https://news.example/*?utm_source=*", "*/a/../*"]


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("https://news.example/tag/*", "https://news.example/tag/rents"),
        ("news.example/tag/*", "http://www.news.example/TAG/rents?sort=new"),
        ("*.news.example/tag/*", "https://uk.news.example/tag/rents/2"),
        ("*/search*", "https://any.example/search?q=a"),
        ("https://news.example/*?page=*", "https://news.example/rents?page=2"),
        ("https://docs.example/caf%c3%a9/*", "https://docs.example/caf%C3%A9/menu"),
        ("https://docs.example/a.b", "https://docs.example/a.b#part"),
        ("https://docs.example/", "http://www.docs.example/"),
        ("https://news.example/a*b**c", "https://news.example/axbxc"),
        ("https://news.example/*ab*ab", "https://news.example/abab"),
        ("https://news.example/out?to=https://shop.example/*", "https://news.example/out?to=https://shop.example/a"),
    ],
)
def test_a_pattern_means_these_pages(entry: str, url: str) -> None:
    assert path_pattern(entry).matches(url)


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("https://news.example/tag/*", "https://other.example/tag/rents"),
        ("https://news.example/tag/*", "https://news.example/a/tag/rents"),
        ("https://news.example/tag/*", "https://uk.news.example/tag/rents"),
        ("https://news.example/*?page=*", "https://news.example/rents-page=2"),
        ("https://docs.example/a.b", "https://docs.example/a-b"),
        ("https://docs.example/", "https://docs.example/a"),
        ("https://news.example/*aba*aba", "https://news.example/ababa"),
        ("https://news.example/ab*ba", "https://news.example/aba"),
        ("https://news.example/a*b*c", "https://news.example/acb"),
        ("https://news.example/out?to=https://shop.example/*", "https://shop.example/a"),
    ],
)
def test_a_pattern_does_not_mean_these(entry: str, url: str) -> None:
    assert not path_pattern(entry).matches(url)


@pytest.mark.parametrize("entry", ["", "tag", "/tag/*", "https://news.example", "a b/tag", *EVERY_PAGE])
def test_an_unusable_pattern_is_named(entry: str) -> None:
    with pytest.raises(InvalidURL) as caught:
        path_pattern(entry)
    assert repr(entry) in str(caught.value) or "'a b'" in str(caught.value)


def test_many_stars_take_no_longer_than_one() -> None:
    pattern, start = path_pattern("a.example/" + "*a" * 12 + "*b"), time.perf_counter()
    assert not pattern.matches("https://a.example/" + "a" * 2_000)
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize(
    ("entry", "url", "means"),
    [
        ("news.example", "https://www.news.example/any/page", True),
        ("*.news.example", "https://uk.news.example/", True),
        ("news.example", "https://uk.news.example/", False),
        ("news.example/tag/*", "https://news.example/tag/rents", True),
        ("news.example/", "https://news.example/tag/rents", False),
    ],
)
def test_without_a_slash_a_host_is_meant_and_with_one_a_pattern(entry: str, url: str, means: bool) -> None:
    assert page_pattern(entry).matches(url) == means
