"""What the operator blocks: hosts and URLs in any spelling have effect, or an error names the entry."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from service.answers.blocklist import Blocked, blocked
from store.sites import write_sites

from configs.reading import SettingsError
from corpus.urls.url import address_key, host_id, page_id, page_ids
from corpus.urls.url_rules import RULES
from service.settings import read_settings
from store.addresses import Addresses, write_addresses
from store.page_row import FACTS, PageText, pack
from store.tables import LmdbTable, write_table

PAGES = [
    "https://spam.example/a", "https://www.spam.example/b", "https://deep.er.spam.example/c", "https://notspam.example/d",
    "https://xn--bcher-kva.example/e", "https://spam.example:8080/f", "https://good.example/g",
]  # fmt: skip


def what(tmp_path: Path, **entries: list[str]) -> Blocked:
    overrides = [f"block.{name}={json.dumps(values, ensure_ascii=False)}" for name, values in entries.items()]
    settings = read_settings(None, overrides, {})
    keys = np.array([address_key(url) for url in PAGES], np.uint64)
    write_addresses(tmp_path / "addresses.lmdb", keys, page_ids(PAGES))
    rows = [
        (page_id(url), pack(np.zeros(1, FACTS)[0], np.empty(0, np.uint32), PageText(url, "", "", ""))) for url in PAGES
    ]
    write_table(tmp_path / "pages.lmdb", rows)
    write_sites(tmp_path / "sites.txt", PAGES)
    addresses = Addresses(LmdbTable(tmp_path / "addresses.lmdb"), LmdbTable(tmp_path / "pages.lmdb"), RULES)
    try:
        return blocked(settings.block, SimpleNamespace(file=lambda name: tmp_path / Path(name).name), addresses)
    finally:
        addresses.close()


def gone(tmp_path: Path, entry: str) -> list[str]:
    """Return the last letters of the pages that an entry of `block.hosts` blocks."""
    hosts = what(tmp_path, hosts=[entry]).hosts
    return [url[-1] for url in PAGES if host_id(url) in hosts]


@pytest.mark.parametrize(
    "entry",
    ["spam.example", "SPAM.Example", "spam.example.", "www.spam.example", "https://spam.example", "http://spam.example/",
     "spam.example:443", "spam.example:80", "HTTPS://WWW.SPAM.EXAMPLE:443/", " spam.example "],
)  # fmt: skip
def test_a_host_is_blocked_in_any_spelling(tmp_path: Path, entry: str) -> None:
    assert gone(tmp_path, entry) == ["a", "b"]


@pytest.mark.parametrize(
    "entry", ["bücher.example", "BÜCHER.example", "xn--bcher-kva.example", "https://bücher.example/"]
)
def test_an_international_host_is_blocked(tmp_path: Path, entry: str) -> None:
    assert gone(tmp_path, entry) == ["e"]


@pytest.mark.parametrize("entry", ["*.spam.example", ".spam.example", "*.SPAM.example.", " *.spam.example:443"])
def test_a_wildcard_blocks_a_host_and_all_below_it(tmp_path: Path, entry: str) -> None:
    assert gone(tmp_path, entry) == ["a", "b", "c", "f"]


def test_a_host_with_another_port_is_another_host(tmp_path: Path) -> None:
    assert gone(tmp_path, "spam.example:8080") == ["f"]


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "*",
        "*.",
        "sp*m.example",
        "*spam.example",
        "spam.*",
        "two words",
        "https://a.example/page",
        "ftp://a.example",
        "a@b.example",
        "http://",
    ],
)
def test_the_error_names_an_entry_that_is_not_a_host(tmp_path: Path, entry: str) -> None:
    with pytest.raises(SettingsError) as caught:
        what(tmp_path, hosts=["good.example", entry])
    assert repr(entry) in str(caught.value)
    assert str(caught.value).startswith("setting block.hosts: ")


def test_a_url_is_blocked_in_any_spelling(tmp_path: Path) -> None:
    urls = ["http://spam.example/a/?ref=x", "https://WWW.good.example./g/index.php", "https://bücher.example/e"]
    assert sorted(what(tmp_path, urls=urls).pages) == sorted(page_id(PAGES[place]) for place in (0, 6, 4))


@pytest.mark.parametrize("entry", ["", "spam.example/a", "ftp://spam.example/a", "/a", "https://"])
def test_the_error_names_an_invalid_url(tmp_path: Path, entry: str) -> None:
    with pytest.raises(SettingsError) as caught:
        what(tmp_path, urls=["https://good.example/", entry])
    assert repr(entry) in str(caught.value)


def test_a_pattern_blocks_the_pages_that_match(tmp_path: Path) -> None:
    found = what(tmp_path, paths=["*.spam.example/c*", "*/g"]).pages
    assert sorted(found) == sorted(page_id(PAGES[place]) for place in (2, 6))


def test_the_error_names_a_pattern_that_blocks_a_whole_host(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"block\.paths.*every page of a host: put hosts into block\.hosts"):
        what(tmp_path, paths=["https://*.spam.example/*", "*/g"])
