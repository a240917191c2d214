"""The key of an address: usual spellings share it."""

import pytest

from corpus.urls.url import (
    address_key,
    canonical,
)


@pytest.mark.parametrize(
    "spelling",
    [
        "http://example.org/a/b",
        "https://www.example.org/a/b",
        "https://example.org./a/b",
        "https://EXAMPLE.org/A/b",
        "https://example.org/a/b/",
        "https://example.org/a/b//",
        "https://example.org//a///b",
        "https://example.org/a/b/index.html",
        "https://example.org/a/b/INDEX.HTM",
        "https://example.org/a/b/index.php",
        "https://example.org/a/b/index.shtml/",
        "https://example.org/a/b/default.aspx",
        "https://example.org/a/b/Default.asp",
        "https://example.org/a/b?ref=x",
        "https://example.org/a/b?ref_=x&source=rss&via=y",
        "https://example.org/a/b?referrer=https%3A%2F%2Fx.example",
        "https://example.org/a/b;jsessionid=0A1B",
        "https://example.org/a/b?PHPSESSID=12",
        "https://example.org/a/b?utm_source=x#part",
        "https://example.org/%61/b?",
    ],
)
def test_usual_spellings_of_an_address_share_its_key(spelling: str) -> None:
    assert address_key(canonical(spelling)) == address_key("https://example.org/a/b")


def test_the_root_has_usual_spellings_too() -> None:
    for spelling in ("http://www.example.org", "https://example.org/index.html", "https://example.org//?ref=x"):
        assert address_key(canonical(spelling)) == address_key("https://example.org/")


def test_the_order_of_parameters_does_not_change_the_address() -> None:
    assert address_key("https://a.example/?b=2&a=1") == address_key("https://a.example/?a=1&b=2")


@pytest.mark.parametrize(
    "other",
    [
        "/a",
        "/a/b/c",
        "/a/b?id=1",
        "/a/b?ID=1",
        "/a/b/indexes.html",
        "/a/b.html",
        "/a-b",
        "/a/b?src=x",
        "/index.html/a/b",
    ],
)
def test_other_addresses_have_other_keys(other: str) -> None:
    assert address_key(f"https://example.org{other}") != address_key("https://example.org/a/b")


def test_values_of_parameters_are_case_sensitive() -> None:
    assert address_key("https://a.example/watch?v=dQw") != address_key("https://a.example/watch?v=DQW")


def test_another_port_is_another_address() -> None:
    assert address_key("https://a.example:8080/") != address_key("https://a.example/")
