"""Every search engine keeps the rules, the embedded one and the remote ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from search_endpoint import Server

from contracts.search_engine import PAGES, SearchEngineContract
from corpus.urls.url import page_id
from recall.qprime.config import EngineName
from recall.qprime.engines.embedded import TantivyEngine
from recall.qprime.engines.opening import open_engine
from recall.qprime.engines.search_engine import SearchEngine, SearchText

NAMES: list[EngineName] = ["tantivy", "opensearch", "brave", "tavily"]


def find(query: str) -> list[tuple[str, float]]:
    """Return the pages that hold words of the query, by how many."""
    words = query.split()
    counts = [(url, float(sum(text.split().count(word) for word in words))) for url, text in PAGES.items()]
    return sorted((pair for pair in counts if pair[1]), key=lambda pair: -pair[1])


class TestSearchEngine(SearchEngineContract):
    @pytest.fixture(params=NAMES)
    def engine(self, request: pytest.FixtureRequest, server: Server, tmp_path: Path) -> Iterator[SearchEngine]:
        if request.param == "tantivy":
            texts = (SearchText(page_id(url), "", text) for url, text in PAGES.items())
            TantivyEngine.build(tmp_path / "index", texts)
            yield open_engine("tantivy", tmp_path / "index", {})
        else:
            server.find = find
            yield server.engine(request.param, tmp_path)


def test_every_engine_is_tested() -> None:
    names = {name for part in get_args(EngineName) for name in (get_args(part) or [part])}
    assert names == set(NAMES)
