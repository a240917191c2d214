"""What a rule means: hosts, URLs and patterns in any spelling."""

from __future__ import annotations

import pytest

from corpus.urls.url import address_key, canonical, page_id
from corpus.urls.url_rules import RULES
from service.rules.rule import Rule
from service.rules.targets import Facts, Targets
from store.page_row import language_code

PAGES = [
    "https://spam.example/a", "https://www.spam.example/b", "https://deep.er.spam.example/c", "https://notspam.example/d",
    "https://xn--bcher-kva.example/e", "https://spam.example:8080/f", "https://good.example/g",
]  # fmt: skip
KNOWN = {page_id(url) for url in PAGES}


def meant(**target: str) -> str:
    """Return the last letters of the pages that a rule means."""
    targets = Targets([Rule.model_validate({"action": "block", **target})], RULES)
    facts = (Facts(page_id(url), address_key(url), language_code("en"), url) for url in PAGES)
    return "".join(fact.url[-1] for fact in facts if targets.of(fact, KNOWN.__contains__))


@pytest.mark.parametrize(
    "entry",
    ["spam.example", "SPAM.Example", "spam.example.", "www.spam.example", "https://spam.example", "http://spam.example/",
     "spam.example:443", "spam.example:80", "HTTPS://WWW.SPAM.EXAMPLE:443/", " spam.example "],
)  # fmt: skip
def test_a_host_is_meant_in_any_spelling(entry: str) -> None:
    assert meant(host=entry) == "ab"


@pytest.mark.parametrize("entry", ["bücher.example", "BÜCHER.example", "xn--bcher-kva.example"])
def test_an_international_host_is_meant(entry: str) -> None:
    assert meant(host=entry) == "e"


@pytest.mark.parametrize("entry", ["*.spam.example", ".spam.example", "*.SPAM.example.", " *.spam.example:443"])
def test_a_wildcard_means_a_host_and_all_below_it(entry: str) -> None:
    assert meant(host=entry) == "abcf"


def test_a_host_with_another_port_is_another_host() -> None:
    assert meant(host="spam.example:8080") == "f"


@pytest.mark.parametrize(
    ("entry", "letter"),
    [
        ("http://spam.example/a/?ref=x", "a"),
        ("https://WWW.good.example./g/index.php", "g"),
        ("https://bücher.example/e", "e"),
    ],
)
def test_a_url_is_meant_in_any_spelling(entry: str, letter: str) -> None:
    assert meant(url=entry) == letter


def test_the_exact_url_of_another_page_means_that_page_alone() -> None:
    one, other = "https://a.example/p", "https://a.example/p/"
    facts = [Facts(page_id(canonical(url)), address_key(canonical(url)), 0, url) for url in (one, other)]
    targets = Targets([Rule(action="block", url=other)], RULES)
    both = {fact.page for fact in facts}
    assert [bool(targets.of(fact, both.__contains__)) for fact in facts] == [False, True]


def test_patterns_mean_the_pages_that_match() -> None:
    assert meant(pattern="*.spam.example/c*") == "c"
    assert meant(pattern="*/g") == "g"


def test_a_language_is_meant_by_any_of_its_tags() -> None:
    assert meant(language="en-GB") == "abcdefg"
    assert meant(language="de") == ""
