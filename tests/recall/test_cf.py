from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cascade.types import Candidates, Query
from recall import ann
from recall.cf.build import build
from recall.cf.config import CfConfig
from recall.cf.lookup import CfCosine, CfRecall

CONFIG = CfConfig(dimension=4, iterations=15)
#: Two groups of pages whose readers never cross over.
LEFT, RIGHT = range(1, 7), range(11, 17)


def graph() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    edges = [(a, b, 1.0) for group in (LEFT, RIGHT) for a in group for b in group if a < b]
    page1, page2, near = zip(*edges, (1, 99, 0.0), strict=True)
    return np.array(page1, np.uint64), np.array(page2, np.uint64), np.array(near)


@pytest.fixture(scope="module")
def index() -> ann.AnnIndex:
    return build(*graph(), CONFIG, seed=0)


def test_pages_that_are_read_together_are_near_each_other(index: ann.AnnIndex) -> None:
    cosines = index.cosines_from(1, np.array([*LEFT, *RIGHT], np.uint64))
    assert cosines[:6].min() > cosines[6:].max()


def test_a_page_without_an_edge_is_not_in_the_index(index: ann.AnnIndex) -> None:
    assert index.pages.tolist() == [*LEFT, *RIGHT]


def test_the_same_seed_gives_the_same_embeddings(index: ann.AnnIndex) -> None:
    again = build(*graph(), CONFIG, seed=0)
    assert again.vector(3) == pytest.approx(index.vector(3), abs=1e-5)


def test_no_log_is_an_empty_index() -> None:
    none = np.empty(0, np.uint64)
    assert len(build(none, none, np.empty(0), CONFIG, seed=0)) == 0


async def test_neighbours_do_not_include_the_page_itself(index: ann.AnnIndex) -> None:
    with ThreadPoolExecutor(1) as native:
        found = await CfRecall(index, native).recall(Query("https://a.example/", page=2), 5)
    assert sorted(found.pages.tolist()) == [1, 3, 4, 5, 6]


async def test_cosines_are_added_for_every_candidate(index: ann.AnnIndex) -> None:
    candidates = Candidates(np.array([3, 12, 77], np.uint64))
    column = (await CfCosine(index).hydrate(Query("https://a.example/", page=2), candidates))["cf_cosine"]
    assert column[0] > column[1]
    assert np.isnan(column[2])
