"""What every recall path of the served cascade promises, asked of each without naming it."""

from __future__ import annotations

import numpy as np
import pytest

from cascade.executor import Cascade
from cascade.types import Candidates, Query, RecallPath
from corpus.urls.url import canonical, page_id

UNKNOWN = "https://elsewhere.example/new"


def query(url: str, title: str = "") -> Query:
    url = canonical(url)
    return Query(url, page=page_id(url), title=title)


@pytest.fixture
def queries(tiny) -> list[Query]:
    known = [query(url) for url in tiny.urls[::60]]
    return [*known, query(UNKNOWN), query(UNKNOWN, "rose hedge"), query(f"{tiny.urls[0]}/beside", "bread")]


@pytest.fixture
def paths(cascade: Cascade) -> list[RecallPath]:
    return [step.path for step in (*cascade.recall, cascade.fallback)]


async def found(paths: list[RecallPath], queries: list[Query], limit: int) -> list[tuple[str, Query, Candidates]]:
    return [(path.name, asked, await path.recall(asked, limit)) for path in paths for asked in queries]


def test_paths_have_names_of_their_own(paths: list[RecallPath]) -> None:
    names = [path.name for path in paths]
    assert len({*names}) == len(names) >= 5


async def test_every_path_recalls_something_of_a_known_page(paths: list[RecallPath], queries: list[Query]) -> None:
    for name, _, candidates in await found(paths, queries[:1], 50):
        assert len(candidates) > 0, name


@pytest.mark.parametrize("limit", [1, 7, 1000])
async def test_candidates_are_pages_once_each_and_never_the_own(
    paths: list[RecallPath], queries: list[Query], limit: int
) -> None:
    for name, asked, candidates in await found(paths, queries, limit):
        pages = candidates.pages.tolist()
        assert candidates.pages.dtype == np.uint64, name
        assert len(pages) == len({*pages}) <= limit, name
        assert asked.page not in pages, name
        assert all(len(column) == len(pages) for column in candidates.columns.values()), name


async def test_a_limit_of_nothing_is_nothing(paths: list[RecallPath], queries: list[Query]) -> None:
    for name, _, candidates in await found(paths, queries, 0):
        assert len(candidates) == 0, name


async def test_the_same_question_has_the_same_answer(paths: list[RecallPath], queries: list[Query]) -> None:
    for (name, _, first), (_, _, second) in zip(
        await found(paths, queries, 20), await found(paths, queries, 20), strict=True
    ):
        assert first.pages.tolist() == second.pages.tolist(), name
        for column in first.columns:
            assert first[column].tolist() == second[column].tolist(), name


async def test_the_best_come_first(paths: list[RecallPath], queries: list[Query]) -> None:
    for (name, _, few), (_, _, many) in zip(
        await found(paths, queries, 3), await found(paths, queries, 30), strict=True
    ):
        assert few.pages.tolist() == many.pages[:3].tolist(), name


async def test_only_pages_of_the_bundle_are_recalled(tiny, paths: list[RecallPath], queries: list[Query]) -> None:
    held = {page_id(url) for url in tiny.urls}
    for name, _, candidates in await found(paths, queries, 1000):
        assert {*candidates.pages.tolist()} <= held, name


async def test_columns_of_different_paths_do_not_share_a_name(paths: list[RecallPath], queries: list[Query]) -> None:
    names = [column for _, _, candidates in await found(paths, queries[:1], 5) for column in candidates.columns]
    assert len(names) == len({*names})
