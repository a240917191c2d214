from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cascade.trace import Trace, tracing
from cascade.types import Candidates, Query
from corpus.urls.url import address_key, host_id, page_id
from ranking.hydrate import PageFacts, PageLookup
from ranking.languages import SiteLanguages
from store.page_row import FACTS, PageText, language_code, pack, read_text
from store.tables import LmdbTable, write_table
from text_model.base import write_tokenizer
from text_model.packaged import PACKAGED
from text_model.tokens import PageTokenizer

TOKENS = {5: [1, 2, 3], 9: [4], 7: []}


@pytest.fixture
def table(tmp_path: Path) -> Iterator[LmdbTable]:
    def row(page: int, tokens: list[int]) -> bytes:
        facts = np.zeros(1, FACTS)[0]
        facts["page"], facts["tokens"], facts["clicks_all"] = page, len(tokens), 10 * page
        return pack(facts, np.array(tokens, np.uint32), PageText(f"https://a.example/{page}", "t", "s", "en"))

    write_table(tmp_path / "pages.lmdb", [(page, row(page, tokens)) for page, tokens in TOKENS.items()])
    table = LmdbTable(tmp_path / "pages.lmdb")
    yield table
    table.close()


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> PageTokenizer:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    write_tokenizer(PACKAGED, path)
    return PageTokenizer(path, 22)


async def hydrated(table: LmdbTable, *pages: int) -> Candidates:
    candidates = Candidates(np.array(pages, np.uint64), {"rank_cf": np.arange(len(pages))})
    return await PageFacts(table).hydrate(Query("https://a.example/", page=1), candidates)


async def test_facts_are_in_the_order_of_the_candidates(table: LmdbTable) -> None:
    found = await hydrated(table, 9, 5)
    assert found["clicks_all"].tolist() == [90, 50]
    assert [read_text(row).url for row in found["row"]] == ["https://a.example/9", "https://a.example/5"]


async def test_tokens_are_padded_with_zeros(table: LmdbTable) -> None:
    found = await hydrated(table, 9, 5, 7)
    assert found["token_ids"].tolist() == [[4, 0, 0], [1, 2, 3], [0, 0, 0]]
    assert found["token_ids"].dtype == np.uint32


async def test_a_page_that_is_not_in_the_table_is_dropped_with_its_columns(table: LmdbTable) -> None:
    found = await hydrated(table, 9, 6, 5)
    assert found.pages.tolist() == [9, 5]
    assert found["rank_cf"].tolist() == [0, 2]


async def test_no_candidates_still_get_every_column(table: LmdbTable) -> None:
    found = await hydrated(table)
    assert len(found) == 0
    assert {*FACTS.names} - {"page"} <= {*found.columns}


async def test_a_known_trigger_comes_from_the_table(table: LmdbTable, tokenizer: PageTokenizer) -> None:
    trigger = await PageLookup(table, tokenizer).locate(Query("https://a.example/5", page=5, title="ignored"))
    assert trigger.known
    assert trigger.tokens.tolist() == [1, 2, 3]
    assert trigger.facts["clicks_all"] == 50


async def test_an_unknown_trigger_is_built_from_the_request(table: LmdbTable, tokenizer: PageTokenizer) -> None:
    url = "https://www.b.example/new"
    query = Query(url, page=page_id(url), title="red fox", snippet="a small dog", language="en-GB")
    trigger = await PageLookup(table, tokenizer).locate(query)
    assert not trigger.known
    assert trigger.facts["page"] == page_id(url)
    assert trigger.facts["host"] == host_id(url)
    assert trigger.facts["address"] == address_key(url)
    assert trigger.facts["language"] == language_code("en")
    assert trigger.facts["title_tokens"] == 2
    assert len(trigger.tokens) == trigger.facts["tokens"] > 2


async def test_an_unknown_page_without_text_uses_its_url(table: LmdbTable, tokenizer: PageTokenizer) -> None:
    url = "https://b.example/red-fox"
    named, titled = [
        await PageLookup(table, tokenizer).locate(Query(url, page=page_id(url), title=title))
        for title in ("", "red fox")
    ]
    assert named.tokens.tolist() == titled.tokens.tolist()


async def test_an_unknown_page_in_a_language_without_pages_is_answered_in_the_nearest(
    table: LmdbTable, tokenizer: PageTokenizer
) -> None:
    lookup = PageLookup(table, tokenizer, SiteLanguages({"en": 9, "de": 2}))
    trace = Trace()
    with tracing(trace):
        trigger = await lookup.locate(Query("https://b.example/neuf", page=8, title="renard roux", language="fr"))
        await lookup.locate(Query("https://b.example/neu", page=9, title="fuchs", language="de"))
    assert trigger.facts["language"] == language_code("en")
    assert trace.degraded == ["language:en"]
