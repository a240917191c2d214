"""What every search engine keeps to, the embedded one and the remote ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from search_endpoint import Server

from corpus.urls.url import page_id
from recall.qprime.config import EngineName
from recall.qprime.engines.embedded import TantivyEngine
from recall.qprime.engines.opening import open_engine
from recall.qprime.engines.search_engine import SearchEngine, SearchText

PAGES = {f"https://a.example/{number}": "fox " * number + f"den {number}" for number in range(1, 16)}
NAMES: list[EngineName] = ["tantivy", "opensearch", "brave", "tavily"]


@pytest.fixture(params=NAMES)
def engine(request: pytest.FixtureRequest, server: Server, tmp_path: Path) -> Iterator[SearchEngine]:
    def find(query: str) -> list[tuple[str, float]]:
        words = query.split()
        counts = [(url, float(sum(text.split().count(word) for word in words))) for url, text in PAGES.items()]
        return sorted((pair for pair in counts if pair[1]), key=lambda pair: -pair[1])

    if request.param == "tantivy":
        TantivyEngine.build(tmp_path / "index", (SearchText(page_id(url), "", text) for url, text in PAGES.items()))
        yield open_engine("tantivy", tmp_path / "index", {})
    else:
        server.find = find
        yield server.engine(request.param, tmp_path)


def test_every_engine_is_held_to_the_contract() -> None:
    names = {name for part in get_args(EngineName) for name in (get_args(part) or [part])}
    assert names == set(NAMES)


def test_each_query_has_its_hits_in_the_queries_order(engine: SearchEngine) -> None:
    answers = engine.search(["7", "nothingness", "11", "7"], 10)
    found = [answer.pages.tolist() for answer in answers if answer is not None]
    seven, eleven = page_id("https://a.example/7"), page_id("https://a.example/11")
    assert found == [[seven], [], [eleven], [seven]]


def test_hits_are_pages_with_scores_best_first_none_twice(engine: SearchEngine) -> None:
    (hits,) = engine.search(["fox den"], 10)
    assert hits is not None
    assert (hits.pages.dtype, hits.scores.dtype) == (np.uint64, np.float32)
    assert len(hits.pages) == len(hits.scores) == len(np.unique(hits.pages)) == 10
    assert set(hits.pages.tolist()) <= {page_id(url) for url in PAGES}
    assert (np.diff(hits.scores) <= 0).all()
    assert np.isfinite(hits.scores).all()
    assert (hits.scores > 0).all()


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_no_more_hits_than_the_limit(engine: SearchEngine, limit: int) -> None:
    (hits,) = engine.search(["fox"], limit)
    assert hits is not None
    assert len(hits.pages) == min(limit, len(PAGES))


def test_the_same_query_has_the_same_hits_again(engine: SearchEngine) -> None:
    one, two = engine.search(["fox"], 5)[0], engine.search(["fox"], 5)[0]
    assert one is not None
    assert two is not None
    assert one.pages.tolist() == two.pages.tolist()


def test_a_query_without_words_finds_nothing(engine: SearchEngine) -> None:
    for hits in engine.search(["", "  \n"], 10):
        assert hits is not None
        assert len(hits.pages) == 0


def test_no_queries_have_no_answers(engine: SearchEngine) -> None:
    assert list(engine.search([], 10)) == []
