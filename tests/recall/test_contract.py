"""Every recall path of the served cascade keeps the rules, and none gets in another's way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import DTypeLike

from cascade.executor import Cascade
from cascade.types import Query, RecallPath
from contracts.checks import query_for
from contracts.recall_path import RecallPathContract
from corpus.urls.url import page_id
from recall.coclick.row import FIELDS
from recall.paths import ALL_PATHS
from recall.related.row import FIELDS as RELATED

FALLBACK = "popular"
COLUMNS: dict[str, dict[str, DTypeLike]] = {
    "coclick": dict.fromkeys(FIELDS, np.float32),
    "related": dict.fromkeys(RELATED, np.float32),
    "qprime": {"qprime_quality": np.float32, "qprime_query": np.str_},
}


def paths_of(cascade: Cascade) -> dict[str, RecallPath]:
    return {step.path.name: step.path for step in (*cascade.recall, cascade.fallback)}


@pytest.fixture
def queries(tiny) -> list[Query]:
    new = query_for("https://elsewhere.example/new")
    beside = query_for(f"{tiny.urls[0]}/beside")
    with_text = [Query(new.url, new.page, title="rose hedge"), Query(beside.url, beside.page, title="bread")]
    return [*map(query_for, tiny.urls[::60]), new, *with_text]


@pytest.mark.parametrize("name", sorted(path.name for path in ALL_PATHS))
class TestRecallPath(RecallPathContract):
    @pytest.fixture
    def path(self, cascade: Cascade, name: str) -> RecallPath:
        return paths_of(cascade)[name]

    @pytest.fixture
    def queries(self, queries: list[Query]) -> list[Query]:
        return queries

    @pytest.fixture
    def unknown(self, name: str) -> Query | None:
        return None if name == FALLBACK else query_for("https://unknown.example/page")

    @pytest.fixture
    def columns(self, name: str) -> Mapping[str, DTypeLike]:
        return COLUMNS.get(name, {})

    @pytest.fixture
    def servable(self, tiny) -> frozenset[int]:
        return frozenset(page_id(url) for url in tiny.urls)


def test_every_path_of_the_cascade_is_tested(cascade: Cascade) -> None:
    names = [step.path.name for step in (*cascade.recall, cascade.fallback)]
    assert sorted(names) == sorted(path.name for path in ALL_PATHS)
    assert len(names) >= 5


async def test_columns_of_different_paths_do_not_share_a_name(cascade: Cascade, queries: Sequence[Query]) -> None:
    found = [await path.recall(queries[0], 5) for path in paths_of(cascade).values()]
    names = [column for candidates in found for column in candidates.columns]
    assert len(names) == len({*names})
