from pathlib import Path

import pytest

from recall.qprime.engines.embedded import TantivyEngine
from recall.qprime.engines.search_engine import SearchText

TEXTS = [
    SearchText(2**64 - 1, "Red fox", "A fox of woods and fields"),
    SearchText(2, "Arctic fox", "A white animal of the tundra"),
    SearchText(3, "Tundra", "Land without trees, where an animal such as the fox may live in the snow"),
    SearchText(4, "北海道", "日本の島"),
]


@pytest.fixture
def engine(tmp_path: Path) -> TantivyEngine:
    return TantivyEngine.build(tmp_path / "index", TEXTS)


def test_a_page_id_of_64_bits_is_returned_unchanged(engine: TantivyEngine) -> None:
    assert engine.search(["woods"], 5)[0].pages.tolist() == [2**64 - 1]


def test_hits_come_best_first_and_a_title_counts_more(engine: TantivyEngine) -> None:
    (hits,) = engine.search(["tundra"], 5)
    assert hits.pages.tolist() == [3, 2]
    assert hits.scores[0] > hits.scores[1]


def test_each_query_has_its_own_hits_in_order(engine: TantivyEngine) -> None:
    found = engine.search(["woods", "nothingness", "white"], 5)
    assert [hits.pages.tolist() for hits in found] == [[2**64 - 1], [], [2]]


def test_no_more_hits_than_the_limit(engine: TantivyEngine) -> None:
    assert len(engine.search(["fox"], 2)[0].pages) == 2


@pytest.mark.parametrize("query", ["", "!!!", "title:fox AND", '"fox', "page:[* TO *]", "fox) OR (", "*"])
def test_query_syntax_is_searched_as_words(engine: TantivyEngine, query: str) -> None:
    (hits,) = engine.search([query], 5)
    assert len(hits.pages) == (3 if "fox" in query else 0)


def test_text_without_spaces_is_found(engine: TantivyEngine) -> None:
    assert engine.search(["北海"], 5)[0].pages.tolist() == [4]


def test_building_again_replaces_the_index(engine: TantivyEngine, tmp_path: Path) -> None:
    again = TantivyEngine.build(tmp_path / "index", TEXTS[:1])
    assert again.search(["tundra"], 5)[0].pages.tolist() == []


def test_no_queries_have_no_hits(engine: TantivyEngine) -> None:
    assert engine.search([], 5) == []
