"""The path over the tiny bundle: what the build stored, and what is computed for pages that it has not seen."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from cascade.types import Candidates, Query
from corpus.urls.url import page_id
from pipeline.recall_steps import made_in
from recall import ann
from recall.knowledge.lookup import KnowledgeCosine, KnowledgeRecall, KnowledgeVectors, open_model
from recall.knowledge.path import PATH
from recall.paths import ALL_PATHS
from tests.conftest import Tiny, tiny_pages

NEW = Query("https://new.example/", page_id("https://new.example/"))


@pytest.fixture(scope="module")
def vectors(tiny: Tiny) -> KnowledgeVectors:
    directory = tiny.bundle.path / PATH.name
    return KnowledgeVectors(ann.load(directory / "pages"), open_model(directory, 1))


@pytest.fixture(scope="module")
def native() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def known(url: str) -> Query:
    return Query(url, page_id(url))


def test_every_page_with_text_has_a_vector(tiny: Tiny, vectors: KnowledgeVectors) -> None:
    assert vectors.index.pages.tolist() == sorted(page_id(url) for url in tiny.urls)
    assert np.linalg.norm(vectors.stored(known(tiny.urls[0]))) == pytest.approx(1, abs=1e-5)


def test_the_text_of_a_known_page_gives_online_what_the_build_stored(tiny: Tiny, vectors: KnowledgeVectors) -> None:
    rows = tiny_pages().slice(0, 300).to_pylist()[::30]
    for row in rows:
        online = vectors.vector(replace(NEW, url=row["url"], title=row["title"], snippet=row["snippet"]))
        stored = vectors.stored(known(row["url"]))
        others = [vectors.stored(known(other["url"])) for other in rows if other is not row]
        assert online @ stored > 0.98
        assert online @ stored > max(online @ other for other in others)


def test_an_unseen_page_is_computed_once(vectors: KnowledgeVectors) -> None:
    asked = replace(NEW, title="sourdough bread and yeast")
    assert vectors.vector(asked) is vectors.vector(asked)
    assert vectors.stored(asked) is None


async def test_an_unseen_page_is_near_pages_of_its_kind(
    tiny: Tiny, vectors: KnowledgeVectors, native: ThreadPoolExecutor
) -> None:
    asked = replace(NEW, title="bread dough", snippet="yeast flour crust oven")
    found = await KnowledgeRecall(vectors, native).recall(asked, 10)
    url_of = {page_id(url): url for url in tiny.urls}
    assert {tiny.topic[url_of[page]] for page in found.pages.tolist()} == {"bread"}


@pytest.mark.parametrize("asked", [NEW, replace(NEW, title="ქართული ენა")])
async def test_without_readable_text_there_is_nothing(
    vectors: KnowledgeVectors, native: ThreadPoolExecutor, asked: Query
) -> None:
    candidates = Candidates(vectors.index.pages[:3])
    assert len(await KnowledgeRecall(vectors, native).recall(asked, 10)) == 0
    assert np.isnan((await KnowledgeCosine(vectors, native).hydrate(asked, candidates))["knowledge_cosine"]).all()


async def test_every_candidate_gets_the_cosine(
    tiny: Tiny, vectors: KnowledgeVectors, native: ThreadPoolExecutor
) -> None:
    pages = np.array([page_id(tiny.urls[1]), page_id(tiny.urls[250]), 5], np.uint64)
    hydrated = await KnowledgeCosine(vectors, native).hydrate(known(tiny.urls[0]), Candidates(pages))
    expected = vectors.stored(known(tiny.urls[0])) @ vectors.stored(known(tiny.urls[1]))
    assert hydrated["knowledge_cosine"][0] == pytest.approx(expected, abs=1e-6)
    assert np.isnan(hydrated["knowledge_cosine"]).tolist() == [False, False, True]


async def test_a_bundle_without_knowledge_finds_nothing(native: ThreadPoolExecutor) -> None:
    empty = KnowledgeVectors(ann.build(np.empty(0, np.uint64), np.empty((0, 1), np.float32)), None)
    asked = replace(NEW, title="bread")
    assert len(await KnowledgeRecall(empty, native).recall(asked, 10)) == 0
    hydrated = await KnowledgeCosine(empty, native).hydrate(asked, Candidates(np.array([1, 2], np.uint64)))
    assert np.isnan(hydrated["knowledge_cosine"]).all()


def test_rankers_learn_from_the_adapter_of_the_past(tiny: Tiny) -> None:
    assert PATH in ALL_PATHS
    past, all_ = (ann.load(made_in(PATH, tiny.work / "knowledge", name) / "pages") for name in ("past", "all"))
    assert past.pages.tolist() == all_.pages.tolist()
    assert not np.allclose(past.vectors(np.arange(len(past))), all_.vectors(np.arange(len(past))))
