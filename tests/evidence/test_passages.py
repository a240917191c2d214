"""Evidence from a real index: turns, duplicates, budget, failures and the cache."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import tiny_causal

from evidence.passages import EvidenceSettings, Passage, PassageCache, web_evidence
from recall.qprime.engines.embedded import TantivyEngine
from recall.qprime.engines.search_engine import Hits, SearchText
from recall.qprime.writers.information_need import InformationNeed, InformationNeedWriter
from recall.qprime.writers.writer import WrittenQuery
from text_model.causal import FALLBACK_TEMPLATE

TITLES = [
    "red lip balm", "red lip balm.", "lip gloss for winter", "hand cream", "rough hand cream for dry skin in winter",
]  # fmt: skip


@dataclass(frozen=True)
class Page:
    title: str
    snippet: str = ""
    url: str = ""
    language: str = "en"


class Titles:
    """Asks for the title and the snippet; nothing for an empty page, and fails for `broken`."""

    calls = 0

    def write(self, pages):
        self.calls += len(pages)
        return [
            None if page.title == "broken" else [WrittenQuery(text) for text in (page.title, page.snippet) if text]
            for page in pages
        ]


def read(pages):
    return [Passage(TITLES[page], "", f"item/{page}") for page in pages]


def count(text: str) -> int:
    return len(text.split())


@pytest.fixture
def engine(tmp_path):
    return TantivyEngine.build(tmp_path / "index", [SearchText(row, title, "") for row, title in enumerate(TITLES)])


DEFAULT = EvidenceSettings()


def found(engine, page, settings=DEFAULT, **options):
    (passages,) = web_evidence([page], Titles(), engine, read, count, settings, **options)
    return passages and [passage.title for passage in passages]


def test_queries_take_turns(engine) -> None:
    assert found(engine, Page("lip balm", "hand cream"))[:2] == ["red lip balm", "hand cream"]


def test_near_duplicates_and_what_is_known_are_left_out(engine) -> None:
    assert found(engine, Page("red lip balm")) == ["red lip balm", "lip gloss for winter"]
    assert "lip gloss for winter" not in found(engine, Page("lip"), known=[["item/2"]])


def test_a_passage_that_is_too_long_makes_room_for_a_shorter_one(engine) -> None:
    assert found(engine, Page("hand cream", "lip"), EvidenceSettings(tokens=5)) == ["hand cream", "red lip balm"]
    assert found(engine, Page("hand cream", "lip"), EvidenceSettings(passages=1)) == ["hand cream"]


def test_a_page_without_queries_has_no_evidence_and_a_broken_one_none(engine) -> None:
    assert found(engine, Page("")) == []
    assert found(engine, Page("broken")) is None


def test_evidence_is_searched_once(engine, tmp_path) -> None:
    cache, writer = PassageCache(tmp_path / "cache.sqlite"), Titles()
    for _ in range(2):
        web_evidence([Page("lip balm")], writer, engine, read, count, cache=cache)
    assert writer.calls == 1
    web_evidence([Page("lip balm")], writer, engine, read, count, cache=cache, source="another")
    assert writer.calls == 2
    cache.close()


class Failing:
    """An engine whose every second query fails."""

    def search(self, queries, limit):
        hits = Hits(np.array([3], np.uint64), np.ones(1, np.float32))
        return [hits if row % 2 else None for row in range(len(queries))]


def test_a_failed_search_is_asked_again_by_the_next_run(tmp_path) -> None:
    cache, writer = PassageCache(tmp_path / "cache.sqlite"), Titles()
    assert web_evidence([Page("one")], writer, Failing(), read, count, cache=cache) == [None]
    (half,) = web_evidence([Page("one", "two")], writer, Failing(), read, count, cache=cache)
    assert [passage.title for passage in half] == ["hand cream"]
    web_evidence([Page("one", "two")], writer, Failing(), read, count, cache=cache)
    assert writer.calls == 3
    cache.close()


def test_queries_may_come_from_what_a_model_would_have_to_look_up(engine, tmp_path) -> None:
    model, tokenizer = tiny_causal.model(), tiny_causal.tokenizer()
    tokenizer.chat_template = FALLBACK_TEMPLATE
    writer = InformationNeedWriter(model, tokenizer, InformationNeed(tokens=24))
    page = Page("lip balm", "hand cream")
    (query,) = writer.write([page])[0]
    (passages,) = web_evidence([page], writer, engine, read, count)
    (hits,) = engine.search([query.text], 20)
    assert {passage.address for passage in passages} <= {f"item/{row}" for row in hits.pages.tolist()}
