"""The answers for every λ in an explanation are those that a request with that λ gets."""

from __future__ import annotations

import pytest

from service.answers.request import Request
from service.bootstrap import load
from service.settings import read_settings
from tests.conftest import PATIENT


@pytest.fixture(scope="module")
def urls(tiny) -> list[str]:
    return tiny.urls[::61]


@pytest.fixture
async def gateway(tiny):
    opened = load(tiny.bundles, read_settings(None, [*PATIENT, "cache.stored=false"], {}))
    yield opened
    await opened.close()


@pytest.mark.parametrize("weight", [0.0, 0.07, 0.32, 0.5, 0.93, 1.0])
async def test_they_are_the_gateways_own(gateway, urls, weight) -> None:
    for url in urls:
        weights = (await gateway.recommender.recommend(Request(url, explain=True))).read().explain["weights"]
        own = await gateway.recommender.recommend(Request(url, quality_weight=weight))
        place = round(weight * 100)
        listed = [
            (weights["pages"][page]["url"], score)
            for page, score in zip(weights["answers"][place], weights["scores"][place], strict=True)
        ]
        assert listed == [(page.url, page.score) for page in own.recommendations]


async def test_pages_carry_all_that_a_recommendation_has(gateway, urls) -> None:
    answer = (await gateway.recommender.recommend(Request(urls[0], explain=True))).read()
    pages = {page["url"]: page for page in answer.explain["weights"]["pages"]}
    for shown in answer.recommendations:
        if shown.url in pages:
            assert pages[shown.url]["title"] == shown.title
            assert pages[shown.url]["quality"] == shown.quality
    assert len(answer.explain["weights"]["answers"]) == 101


async def test_an_empty_answer_is_empty_for_every_weight(gateway, tiny) -> None:
    excluded = tuple(tiny.urls)
    answer = (await gateway.recommender.recommend(Request(tiny.urls[0], explain=True, exclude=excluded))).read()
    assert answer.recommendations == ()
    assert answer.explain["weights"]["answers"] == [[]] * 101
