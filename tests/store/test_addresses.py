"""Addresses: every spelling of a URL finds the only page at its address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from corpus.urls.url import InvalidURL, address_key, page_id, page_ids, rules_of
from store.addresses import Addresses, Located, write_addresses
from store.page_row import FACTS, PageText, pack
from store.tables import LmdbTable, write_table

A, B = "https://www.a.example/p?id=1", "https://b.example/q/"
TWO = ["http://c.example/r", "https://c.example/r"]


@pytest.fixture
def addresses(tmp_path: Path) -> Iterator[Callable[[list[str]], Addresses]]:
    opened = []

    def make(urls: list[str], *tracking: str) -> Addresses:
        rows = [
            (page_id(url), pack(np.zeros(1, FACTS)[0], np.empty(0, np.uint32), PageText(url, "t", "", "")))
            for url in urls
        ]
        write_table(tmp_path / "pages.lmdb", rows)
        write_addresses(
            tmp_path / "addresses.lmdb", np.array([address_key(url) for url in urls], np.uint64), page_ids(urls)
        )
        tables = (LmdbTable(tmp_path / name) for name in ("addresses.lmdb", "pages.lmdb"))
        opened.append(Addresses(*tables, rules_of([], tracking)))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.mark.parametrize(
    "url", ["http://a.example/p?id=1", "https://a.example./P/?ref=x&id=1", "https://www.a.example//p/index.php?id=1"]
)
def test_every_spelling_finds_the_page(addresses, url: str) -> None:
    known = addresses([A, B])
    assert known.locate(url) == Located(A, page_id(A))
    assert known.page(url) == page_id(A)


def test_an_exact_url_finds_its_page(addresses) -> None:
    assert addresses([A, B]).locate(f"{B}?utm_source=x#y") == Located(B, page_id(B))


def test_an_unknown_page_is_located_by_its_canonical_url(addresses) -> None:
    new = "https://a.example/p?id=2"
    assert addresses([A, B]).locate(f"{new}&gclid=1") == Located(new, page_id(new))


def test_two_pages_at_one_address_are_found_only_by_their_exact_urls(addresses) -> None:
    known = addresses([A, *TWO])
    assert [known.locate(url).page for url in TWO] == [page_id(url) for url in TWO]
    other = "https://www.c.example/r"
    assert known.locate(other) == Located(other, page_id(other))
    assert len(known) == 1


def test_urls_are_canonicalized_by_the_bundles_rules(addresses) -> None:
    assert addresses([A], "partner*").page(f"{A}&partner_id=2") == page_id(A)


def test_the_cache_of_urls_is_bounded_in_bytes(addresses) -> None:
    known = addresses([A])
    for number in range(8000):
        known.locate(f"{A}&ref={number:0>460}")  # all of them spellings of one page
    assert 7_000_000 < known.kept_bytes <= 8_000_000
    before = known.kept_bytes
    known.locate(f"{A}&ref={'x' * 1500}")
    known.locate(f"{A}&ref={'ü' * 300}")
    assert known.kept_bytes == before
    assert known.locate(A) == Located(A, page_id(A))


def test_an_invalid_url_is_an_error(addresses) -> None:
    known = addresses([A])
    for read in (known.locate, known.page):
        with pytest.raises(InvalidURL):
            read("a.example/p")
