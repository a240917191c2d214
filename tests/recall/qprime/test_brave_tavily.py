from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from search_endpoint import KEY, Server


def test_brave_is_called_with_a_token_and_plain_words(server: Server, tmp_path: Path) -> None:
    server.engine("brave", tmp_path).search(['site:a.example "fox" & more=1'], 10)
    asked = server.asked[0]
    assert asked.headers["x-subscription-token"] == KEY
    assert asked.body == {
        "q": 'site:a.example "fox" & more=1',
        "count": "10",
        "result_filter": "web",
        "operators": "false",
        "text_decorations": "false",
    }


def test_brave_is_sent_at_most_50_words(server: Server, tmp_path: Path) -> None:
    server.engine("brave", tmp_path).search(["a b " * 60], 10)
    assert len(server.queries()[0].split()) == 50


def test_brave_without_scores_ranks_by_its_order(server: Server, tmp_path: Path) -> None:
    server.find = lambda query: [(f"https://a.example/{n}", None) for n in range(20)]
    (found,) = server.engine("brave", tmp_path).search(["fox"], 20)
    assert found is not None
    np.testing.assert_allclose(found.scores[:3], [1.0, 1 / np.log2(3), 0.5], rtol=1e-6)
    assert (np.diff(found.scores) < 0).all()
    assert found.scores[-1] > 0.2  # the build's limit on relevance drops none of them


def test_tavily_is_called_with_a_bearer_key(server: Server, tmp_path: Path) -> None:
    server.engine("tavily", tmp_path).search(["red fox"], 10)
    asked = server.asked[0]
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.body == {"query": "red fox", "max_results": 10, "search_depth": "basic"}


def test_tavily_hits_come_by_score(server: Server, tmp_path: Path) -> None:
    server.find = lambda query: [("https://a.example/", 0.25), ("https://b.example/", 0.75)]
    (found,) = server.engine("tavily", tmp_path).search(["fox"], 10)
    assert found is not None
    assert found.scores.tolist() == [0.75, 0.25]


@pytest.mark.parametrize("score", [None, "0.5", -1.0, 1e300])
def test_invalid_scores_are_replaced_by_ranks(server: Server, tmp_path: Path, score: object) -> None:
    server.find = lambda query: [("https://a.example/", 0.5), ("https://b.example/", score)]
    (found,) = server.engine("tavily", tmp_path).search(["fox"], 10)
    assert found is not None
    np.testing.assert_allclose(found.scores, [1.0, 1 / np.log2(3)], rtol=1e-6)


@pytest.mark.parametrize("name", ["brave", "tavily"])
def test_the_limit_of_the_provider_is_not_exceeded(server: Server, tmp_path: Path, name: str) -> None:
    server.engine(name, tmp_path).search(["fox"], 100)  # type: ignore[arg-type]
    asked = server.asked[0].body
    assert int(asked.get("count") or asked["max_results"]) == 20
