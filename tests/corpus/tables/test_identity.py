"""URL identity in the input tables: every spelling of an address means its only page."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from corpus.tables.reader import read
from corpus.tables.report import Report
from corpus.urls.url import page_id, rules_of
from corpus.urls.url_rules import RULES, UrlRules

A, B = "https://www.example.org/a", "https://www.example.org/b/"


def table(path: Path, names: str, rows: Iterable[Iterable[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([names.split(), *rows])


def built(directory: Path, pages: Iterable[str], clicks: Iterable[str], rules: UrlRules = RULES) -> Report:
    """Read a log of one click per session, on pages with distinct titles."""
    directory.mkdir(exist_ok=True)
    table(directory / "pages.csv", "url title snippet", [(url, f"Page {n}", "words") for n, url in enumerate(pages)])
    rows = [(n, url, 1_760_000_000 + n) for n, url in enumerate(clicks)]
    table(directory / "clicks.csv", "session url time", rows)
    return read(directory, directory / "out", rules=rules)


def clicked(directory: Path) -> list[int]:
    return pq.read_table(directory / "out/clicks.parquet").sort_by("time")["page"].to_pylist()


SPELLINGS = [
    "http://www.example.org/a",
    "https://example.org/a",
    "http://example.org/a/",
    "https://www.example.org./a",
    "https://www.example.org//a",
    "https://www.example.org/a/index.html",
    "https://www.example.org/A/Default.aspx",
    "https://www.example.org/a?ref=x",
    "https://WWW.EXAMPLE.ORG:443/a?utm_source=y&ref=z",
]


def test_every_spelling_of_an_address_means_its_only_page(tmp_path: Path) -> None:
    report = built(tmp_path, [A, B], SPELLINGS).tables["clicks"]
    others = len(SPELLINGS) - 1  # one spelling is the canonical URL
    assert (report.kept, report.respelt, report.rejected) == (len(SPELLINGS), others, {})
    assert clicked(tmp_path) == [page_id(A)] * len(SPELLINGS)


def test_all_spellings_of_an_escape_are_equivalent(tmp_path: Path) -> None:
    pages = [f"https://example.org/{name}" for name in ("caf%C3%A9", "~user", "loaf")]
    clicks = [f"https://example.org/{name}" for name in ("caf%c3%a9", "café", "%7Euser", "%7euser", "lo%61f", "%6coaf")]
    report = built(tmp_path, pages, clicks).tables["clicks"]
    assert (report.kept, report.respelt) == (6, 0)
    assert set(clicked(tmp_path)) == {page_id(url) for url in pages}


def test_a_text_directive_is_removed_from_a_fragment_that_is_a_page(tmp_path: Path) -> None:
    page = "https://docs.python.org/3/library/heapq.html#heapq.heappush"
    assert built(tmp_path, [page], [f"{page}:~:text=Push"]).tables["clicks"].kept == 1


def test_a_sites_own_tracking_parameters_are_dropped(tmp_path: Path) -> None:
    clicks = [f"{A}?partner=1", f"{A}?PARTNER=2&gclid=3"]
    assert built(tmp_path, [A], clicks).tables["clicks"].kept == 0
    assert built(tmp_path, [A], clicks, rules_of([], ["partner"])).tables["clicks"].kept == 2


def test_two_pages_at_one_address_match_only_their_exact_urls(tmp_path: Path) -> None:
    both = ["http://example.org/a", "https://example.org/a"]
    report = built(tmp_path, both, [*both, "https://www.example.org/a"]).tables
    assert (report["pages"].kept, report["clicks"].kept, report["clicks"].respelt) == (2, 2, 0)
    assert clicked(tmp_path) == [page_id(url) for url in both]
    assert list(report["clicks"].rejected) == ["unknown page"]


def test_a_page_listed_under_two_spellings_with_the_same_text_is_one_page(tmp_path: Path) -> None:
    tmp_path.mkdir(exist_ok=True)
    urls = [A, "http://example.org/a", B, "https://example.org/a/", "http://example.org/A?ref=x"]
    table(tmp_path / "pages.csv", "url title snippet", [(url, "Title", "") for url in urls])
    table(tmp_path / "clicks.csv", "session url time", [(n, url, 1_760_000_000 + n) for n, url in enumerate(urls)])
    report = read(tmp_path, tmp_path / "out").tables
    assert (report["pages"].read, report["pages"].kept) == (5, 2)
    assert report["pages"].rejected["another spelling"].count == 3
    assert report["pages"].lost == 0
    assert (report["clicks"].kept, report["clicks"].respelt) == (5, 3)
    assert clicked(tmp_path) == [page_id(A), page_id(A), page_id(B), page_id(A), page_id(A)]


def test_pages_at_one_address_are_all_kept_if_any_text_differs(tmp_path: Path) -> None:
    urls = ["http://example.org/a", "https://example.org/a", "https://www.example.org/a"]
    rows = zip(urls, ("Fox", "Fox", "Fox"), ("red", "grey", "red"), strict=True)
    table(tmp_path / "pages.csv", "url title snippet", rows)
    table(tmp_path / "clicks.csv", "session url time", [(n, url, 1_760_000_000 + n) for n, url in enumerate(urls)])
    report = read(tmp_path, tmp_path / "out")
    assert (report.tables["pages"].kept, report.tables["clicks"].kept) == (3, 3)
    assert clicked(tmp_path) == [page_id(url) for url in urls]


def test_a_click_on_another_spelling_of_the_same_page_is_a_reload(tmp_path: Path) -> None:
    table(tmp_path / "pages.csv", "url title snippet", [(A, "A", ""), (B, "B", "")])
    steps = [A, "http://example.org/a/", B, "http://example.org/b"]
    table(tmp_path / "clicks.csv", "session url time", [("s", url, 1_760_000_000 + n) for n, url in enumerate(steps)])
    report = read(tmp_path, tmp_path / "out").tables["clicks"]
    assert (report.kept, report.reloads) == (2, 2)


def test_impressions_and_labels_may_use_any_spelling(tmp_path: Path) -> None:
    table(tmp_path / "pages.csv", "url title snippet", [(A, "A", ""), (B, "B", "")])
    one, two = "http://example.org/a?ref=x", "http://example.org//b"
    names = "impression time url1 url2 position clicked"
    table(tmp_path / "impressions.csv", names, [("i", 1_760_000_000, one, two, 1, "true")])
    table(tmp_path / "labels.csv", "url1 url2 quality", [(one, two, 3)])
    report = read(tmp_path, tmp_path / "out").tables
    assert (report["impressions"].respelt, report["labels"].respelt) == (1, 1)
    for name in ("impressions", "labels"):
        (row,) = pq.read_table(tmp_path / f"out/{name}.parquet", columns=["page1", "page2"]).to_pylist()
        assert row == {"page1": page_id(A), "page2": page_id(B)}


@pytest.mark.parametrize(
    ("given", "expected"), [("nb", "no"), ("zh-Hans", "zh"), ("pt_BR", "pt"), ("iw", "he"), ("sr-Latn", "sr")]
)
def test_the_language_of_a_page_is_normalized(tmp_path: Path, given: str, expected: str) -> None:
    table(tmp_path / "pages.csv", "url title snippet language", [(A, "A", "", given)])
    read(tmp_path, tmp_path / "out")
    assert pq.read_table(tmp_path / "out/pages.parquet")["language"].to_pylist() == [expected]
