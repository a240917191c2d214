from pathlib import Path

import numpy as np

from cascade.types import Query
from corpus.urls.url import host_id, page_id
from recall.popular.build import build
from recall.popular.lookup import OVERALL, PopularRecall
from store.tables import LmdbTable, write_table

A = host_id("https://a.example/")
B = host_id("https://b.example/")
PAGE = np.array([1, 2, 3, 4, 5], np.uint64)
HOST = np.array([A, A, A, B, B], np.uint64)
CLICKS = np.array([5, 9, 5, 20, 0], np.uint32)


def rows(keep: int = 100, clicks: np.ndarray = CLICKS) -> dict[int, list[int]]:
    return {key: np.frombuffer(row, "<u8").tolist() for key, row in build(PAGE, HOST, clicks, keep)}


def recall_path(tmp_path: Path) -> PopularRecall:
    write_table(tmp_path / "popular.lmdb", build(PAGE, HOST, CLICKS))
    return PopularRecall(LmdbTable(tmp_path / "popular.lmdb"))


def test_the_most_clicked_come_first_and_ties_are_broken_by_page() -> None:
    assert rows() == {A: [2, 1, 3], B: [4, 5], OVERALL: [4, 2, 1, 3, 5]}


def test_no_host_has_more_than_the_limit() -> None:
    assert rows(keep=2) == {A: [2, 1], B: [4, 5], OVERALL: [4, 2]}


def test_without_clicks_the_order_is_by_page() -> None:
    assert rows(clicks=np.zeros(5, np.uint32))[OVERALL] == [1, 2, 3, 4, 5]


async def test_the_readers_host_comes_before_the_rest(tmp_path: Path) -> None:
    found = await recall_path(tmp_path).recall(Query("https://www.a.example/new", page=99), 10)
    assert found.pages.tolist() == [2, 1, 3, 4, 5]


async def test_the_readers_own_page_is_left_out(tmp_path: Path) -> None:
    found = await recall_path(tmp_path).recall(Query("https://a.example/2", page=2), 3)
    assert found.pages.tolist() == [1, 3, 4]


async def test_an_unknown_host_gets_the_overall_most_popular_pages(tmp_path: Path) -> None:
    url = "https://c.example/"
    found = await recall_path(tmp_path).recall(Query(url, page=page_id(url)), 2)
    assert found.pages.tolist() == [4, 2]


async def test_an_empty_table_finds_nothing(tmp_path: Path) -> None:
    write_table(tmp_path / "popular.lmdb", build(PAGE[:0], HOST[:0], CLICKS[:0]))
    found = await PopularRecall(LmdbTable(tmp_path / "popular.lmdb")).recall(Query("https://a.example/", page=1), 5)
    assert len(found) == 0
