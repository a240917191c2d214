from __future__ import annotations

import asyncio

import orjson
import pytest

from service.answer import Answer, Ask
from service.asking import ClientError
from service.recommender import recommend_each

URL1 = "https://site0.example/page/0"


def urls(answer: Answer) -> list[str]:
    return [page.url for page in answer.recommendations]


async def test_answers_with_k_pages_best_first(make) -> None:
    answer = await make().recommender.recommend(Ask(URL1, k=3))
    assert len(answer.recommendations) == 3
    scores = [page.score for page in answer.recommendations]
    assert scores == sorted(scores, reverse=True)
    assert answer.degraded == ()


async def test_says_who_recalled_a_page_and_counts_ranks_from_one(make) -> None:
    answer = await make().recommender.recommend(Ask(URL1, k=30))
    by_url = {page.url: page.recalled_by for page in answer.recommendations}
    assert [(found.path, found.rank) for found in by_url["https://site1.example/page/1"]] == [("coclick", 1)]
    both = {found.path: found.rank for found in by_url["https://site1.example/page/7"]}
    assert both == {"coclick": 7, "qprime": 5}


async def test_the_url_is_made_canonical(make) -> None:
    answer = await make().recommender.recommend(Ask("HTTPS://Site0.Example:443/page/0?utm_source=x#top"))
    assert answer.url1 == URL1


@pytest.mark.parametrize(
    "spelling",
    [
        "http://site0.example/page/0",
        "https://www.site0.example/page/0",
        "https://site0.example./page/0",
        "https://site0.example/page/0/",
        "https://site0.example//page//0",
        "https://site0.example/page/0/index.html",
        "https://site0.example/page/0?ref=x",
        "https://site0.example/%70age/0?gad_source=1",
    ],
)
async def test_every_spelling_of_a_pages_address_shares_its_answer(make, spelling: str) -> None:
    small = make()
    first = await small.recommender.recommend(Ask(URL1))
    assert await small.recommender.recommend(Ask(spelling)) is first
    assert small.recommender.at_once(Ask(spelling)) is first
    assert (first.url1, first.degraded, small.coclick.calls) == (URL1, (), 1)


async def test_the_memory_of_urls_is_in_the_figures(make) -> None:
    small = make()
    await small.recommender.recommend(Ask(URL1))
    (line,) = [
        line
        for line in small.recommender.metrics.text().decode().splitlines()
        if line.startswith("onward_address_bytes ")
    ]
    assert 0 < float(line.split()[1]) == small.recommender.live.bundle.addresses.kept_bytes


async def test_spellings_of_a_language_share_an_answer_and_a_bad_tag_is_named(make) -> None:
    small = make()
    first = await small.recommender.recommend(Ask(URL1, language="nb-NO"))
    assert await small.recommender.recommend(Ask(URL1, language="no")) is first
    with pytest.raises(ClientError) as caught:
        await small.recommender.recommend(Ask(URL1, language="norsk bokmål"))
    assert [error.field for error in caught.value.errors] == ["language"]


async def test_a_fragment_is_dropped_on_other_hosts(make) -> None:
    ask = Ask(f"{URL1}#part")
    assert (await make().recommender.recommend(ask)).url1 == URL1


async def test_a_fragment_is_part_of_the_page_on_the_bundles_hosts(make) -> None:
    small = make(fragment_hosts=["site0.example"])
    assert (await small.recommender.recommend(Ask(f"{URL1}#part"))).url1 == f"{URL1}#part"


async def test_numbers_that_are_not_finite_become_null(make) -> None:
    answer = await make().recommender.recommend(Ask(URL1, k=30))
    assert None in [page.click for page in answer.recommendations]
    assert b"NaN" not in answer.body


async def test_without_the_cross_encoder_click_and_quality_are_null(make) -> None:
    answer = await make(stages=False).recommender.recommend(Ask(URL1))
    assert {(page.click, page.quality) for page in answer.recommendations} == {(None, None)}


async def test_excluded_pages_are_left_out_however_they_are_spelt(make) -> None:
    unwanted = ("https://SITE1.example/page/1#here", "http://www.site2.example//page/2/index.html?ref=x")
    answer = await make().recommender.recommend(Ask(URL1, k=30, exclude=unwanted))
    assert not {"https://site1.example/page/1", "https://site2.example/page/2"} & set(urls(answer))
    assert "https://site1.example/page/4" in urls(answer)


async def test_what_is_to_be_excluded_and_is_no_url_is_named(make) -> None:
    with pytest.raises(ClientError) as caught:
        await make().recommender.recommend(Ask(URL1, exclude=(URL1, "no url at all", URL1, "ftp://a.example/")))
    assert [error.field for error in caught.value.errors] == ["exclude[1]", "exclude[3]"]
    assert all(error.fix for error in caught.value.errors)


async def test_a_bad_url_names_the_field_and_the_fix(make) -> None:
    with pytest.raises(ClientError) as caught:
        await make().recommender.recommend(Ask("javascript:alert(1)"))
    (error,) = caught.value.errors
    assert (error.field, error.fix) == ("url1", "only http and https pages are read")
    assert error.problem == "the scheme is 'javascript:'"


async def test_one_computation_for_spellings_of_one_page(make) -> None:
    small = make()
    await small.recommender.recommend(Ask(URL1))
    await small.recommender.recommend(Ask(URL1 + "#part"))
    assert small.coclick.calls == 1


async def test_options_have_answers_of_their_own(make) -> None:
    small = make()
    for ask in (Ask(URL1), Ask(URL1, k=6), Ask(URL1, quality_weight=0.0), Ask(URL1, exclude=("https://a.example/",))):
        await small.recommender.recommend(ask)
    assert small.coclick.calls == 4


async def test_concurrent_requests_for_a_cold_page_make_one_computation(make) -> None:
    small = make()
    small.coclick.gate = asyncio.Event()
    asked = [asyncio.create_task(small.recommender.recommend(Ask(URL1))) for _ in range(100)]
    await asyncio.sleep(0)
    small.coclick.gate.set()
    answers = await asyncio.gather(*asked)
    assert (small.coclick.calls, len({id(answer) for answer in answers})) == (1, 1)


async def test_a_failed_path_degrades_the_answer_which_is_not_cached(make) -> None:
    small = make()
    small.qprime.error = OSError("gone")
    answer = await small.recommender.recommend(Ask(URL1))
    assert answer.degraded == ("recall:qprime:error",)
    assert len(answer.recommendations) == 5
    small.qprime.error = None
    assert (await small.recommender.recommend(Ask(URL1))).degraded == ()


async def test_the_budget_ends_a_path_that_hangs(make) -> None:
    small = make()
    small.coclick.gate = asyncio.Event()
    answer = await small.recommender.recommend(Ask(URL1, budget_ms=30))
    assert "recall:coclick:timeout" in answer.degraded


async def test_an_unknown_page_is_flagged(make) -> None:
    answer = await make().recommender.recommend(Ask("https://elsewhere.example/new"))
    assert answer.degraded == ("unknown_page",)


async def test_explain_tells_columns_drops_and_times(make) -> None:
    unwanted = "https://site1.example/page/1"
    answer = await make().recommender.recommend(Ask(URL1, explain=True, exclude=(unwanted,)))
    explained = orjson.loads(answer.body)["explain"]
    assert explained["dropped"] == [{"url": unwanted, "reason": "excluded"}]
    assert [stage["stage"] for stage in explained["stages"]] == ["merge", "stage1"]
    best = explained["stages"][1]["candidates"][0]
    assert best["url"] == answer.recommendations[0].url
    assert best["columns"]["score"] == answer.recommendations[0].score
    assert "row" not in best["columns"]
    assert "facts.clicks_all" in best["columns"]
    assert {"recall:coclick", "stage1", "select"} <= explained["ms"].keys()


async def test_explain_gives_the_query_behind_a_page(make) -> None:
    answer = await make().recommender.recommend(Ask(URL1, explain=True))
    merged = answer.explain["stages"][0]["candidates"]
    assert {entry["because"] for entry in merged} == {"what comes next?", None}
    assert all((entry["because"] is None) == (entry["columns"]["rank_qprime"] is None) for entry in merged)


async def test_explained_answers_are_not_cached(make) -> None:
    small = make()
    for _ in range(2):
        await small.recommender.recommend(Ask(URL1, explain=True))
    assert small.coclick.calls == 2


async def test_a_batch_gives_each_its_own_answer_or_error(make) -> None:
    refused = ClientError([])
    results = await recommend_each(make().recommender, [Ask(URL1), refused, Ask("ftp://a.example/")], 2)
    assert isinstance(results[0], Answer)
    assert results[1] is refused
    assert isinstance(results[2], ClientError)


async def test_counts_cache_results_and_missing_parts(make) -> None:
    small = make()
    small.qprime.error = OSError("gone")
    await small.recommender.recommend(Ask(URL1))
    small.qprime.error = None
    for _ in range(2):
        await small.recommender.recommend(Ask(URL1))
    text = small.gateway.metrics.text().decode()
    assert 'onward_cache_total{result="miss"} 2.0' in text
    assert 'onward_cache_total{result="hit"} 1.0' in text
    assert 'onward_degraded_total{reason="recall:qprime:error"} 1.0' in text
    assert 'onward_stage_milliseconds_count{stage="stage1"} 2.0' in text


async def test_every_option_of_a_query_is_part_of_the_cache_key(make) -> None:
    small = make()
    for ask in (Ask(URL1), Ask(URL1), Ask(URL1, language="de"), Ask(URL1, k=4), Ask(URL1, quality_weight=0.5)):
        await small.recommender.recommend(ask)
    assert 'onward_cache_total{result="miss"} 4.0' in small.gateway.metrics.text().decode()
