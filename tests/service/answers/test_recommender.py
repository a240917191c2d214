from __future__ import annotations

import asyncio

import numpy as np
import orjson
import pytest

from cascade.trace import Trace
from cascade.types import Candidates
from service.answers.answer import Answer
from service.answers.asked import asked
from service.answers.batch import recommend_each
from service.answers.explain import explain
from service.answers.request import Request
from service.answers.resolve import ClientError
from store.page_row import COUNTS

URL1 = "https://site0.example/page/0"


def urls(answer: Answer) -> list[str]:
    return [page.url for page in answer.recommendations]


async def test_the_answer_has_k_pages_best_first(make) -> None:
    answer = await make().recommender.recommend(Request(URL1, k=3))
    assert len(answer.recommendations) == 3
    scores = [page.score for page in answer.recommendations]
    assert scores == sorted(scores, reverse=True)
    assert answer.degraded == ()


async def test_recommendations_name_their_recall_paths_with_ranks_from_one(make) -> None:
    answer = await make().recommender.recommend(Request(URL1, k=30))
    by_url = {page.url: page.recalled_by for page in answer.recommendations}
    assert [(found.path, found.rank) for found in by_url["https://site1.example/page/1"]] == [("coclick", 1)]
    both = {found.path: found.rank for found in by_url["https://site1.example/page/7"]}
    assert both == {"coclick": 7, "qprime": 5}


async def test_the_url_is_made_canonical(make) -> None:
    answer = await make().recommender.recommend(Request("HTTPS://Site0.Example:443/page/0?utm_source=x#top"))
    assert answer.read().url1 == URL1


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
    first = await small.recommender.recommend(Request(URL1))
    request = Request(spelling)
    kept = small.recommender.cached_answer(asked(request, small.gateway.live.bundle))
    again = await small.recommender.recommend(request), kept
    assert all(answer is not None and answer.body is first.body for answer in again)
    assert (first.read().url1, first.degraded, small.coclick.calls) == (URL1, (), 1)


async def test_the_memory_of_cached_urls_is_in_the_metrics(make) -> None:
    small = make()
    await small.recommender.recommend(Request(URL1))
    (line,) = [
        line
        for line in small.recommender.metrics.text().decode().splitlines()
        if line.startswith("onward_address_bytes ")
    ]
    assert 0 < float(line.split()[1]) == small.recommender.live.bundle.addresses.kept_bytes


async def test_spellings_of_a_language_share_an_answer_and_the_error_names_an_invalid_tag(make) -> None:
    small = make()
    first = await small.recommender.recommend(Request(URL1, language="nb-NO"))
    assert (await small.recommender.recommend(Request(URL1, language="no"))).body is first.body
    with pytest.raises(ClientError) as caught:
        await small.recommender.recommend(Request(URL1, language="norsk bokmål"))
    assert [error.field for error in caught.value.errors] == ["language"]


async def test_a_fragment_is_dropped_on_other_hosts(make) -> None:
    request = Request(f"{URL1}#part")
    assert (await make().recommender.recommend(request)).read().url1 == URL1


async def test_a_fragment_is_part_of_the_page_on_the_bundles_hosts(make) -> None:
    small = make(fragment_hosts=["site0.example"])
    assert (await small.recommender.recommend(Request(f"{URL1}#part"))).read().url1 == f"{URL1}#part"


async def test_numbers_that_are_not_finite_become_null(make) -> None:
    answer = await make().recommender.recommend(Request(URL1, k=30))
    assert None in [page.click for page in answer.recommendations]
    assert b"NaN" not in answer.body


async def test_without_the_cross_encoder_click_and_quality_are_null(make) -> None:
    answer = await make(stages=False).recommender.recommend(Request(URL1))
    assert {(page.click, page.quality) for page in answer.recommendations} == {(None, None)}


async def test_excluded_pages_are_left_out_in_any_spelling(make) -> None:
    unwanted = ("https://SITE1.example/page/1#here", "http://www.site2.example//page/2/index.html?ref=x")
    answer = await make().recommender.recommend(Request(URL1, k=30, exclude=unwanted))
    assert not {"https://site1.example/page/1", "https://site2.example/page/2"} & set(urls(answer))
    assert "https://site1.example/page/4" in urls(answer)


async def test_the_error_names_excluded_urls_that_are_invalid(make) -> None:
    with pytest.raises(ClientError) as caught:
        await make().recommender.recommend(Request(URL1, exclude=(URL1, "no url at all", URL1, "ftp://a.example/")))
    assert [error.field for error in caught.value.errors] == ["exclude[1]", "exclude[3]"]
    assert all(error.fix for error in caught.value.errors)


async def test_a_bad_url_names_the_field_and_the_fix(make) -> None:
    with pytest.raises(ClientError) as caught:
        await make().recommender.recommend(Request("javascript:alert(1)"))
    (error,) = caught.value.errors
    assert (error.field, error.fix) == ("url1", "use http or https")
    assert error.problem == "unsupported URL scheme 'javascript:'"


async def test_one_computation_for_spellings_of_one_page(make) -> None:
    small = make()
    await small.recommender.recommend(Request(URL1))
    await small.recommender.recommend(Request(URL1 + "#part"))
    assert small.coclick.calls == 1


async def test_one_cached_list_serves_every_k_exclusion_and_weight(make) -> None:
    small = make()
    shown = urls(await small.recommender.recommend(Request(URL1, k=5)))
    assert urls(await small.recommender.recommend(Request(URL1, k=3))) == shown[:3]
    assert urls(await small.recommender.recommend(Request(URL1, k=4, exclude=(shown[0],)))) == shown[1:]
    await small.recommender.recommend(Request(URL1, quality_weight=0.25))
    assert small.coclick.calls == 1


async def test_text_sent_for_a_known_page_does_not_change_its_cache_key(make) -> None:
    small = make()
    for number in range(20):
        request = Request(
            URL1, title=f"{number}", snippet="word " * number, language="de", exclude=(f"https://a.example/{number}",)
        )
        await small.recommender.recommend(request)
    assert small.coclick.calls == 1
    assert 'onward_cache_total{result="hit"} 19.0' in small.gateway.metrics.text().decode()


async def test_excluding_the_whole_list_gives_lower_ranked_pages(make) -> None:
    small = make(keep_top=4)
    seen = urls(await small.recommender.recommend(Request(URL1, k=30)))
    assert len(seen) == 4
    further = urls(await small.recommender.recommend(Request(URL1, k=3, exclude=tuple(seen))))
    assert (len(further), set(further) & set(seen), small.coclick.calls) == (3, set(), 2)
    assert urls(await small.recommender.recommend(Request(URL1, k=30))) == seen


async def test_excluding_pages_that_are_not_in_the_list_computes_nothing(make) -> None:
    small = make(keep_top=4)
    for number in range(5):
        await small.recommender.recommend(Request(URL1, k=30, exclude=(f"https://a.example/{number}",)))
    assert small.coclick.calls == 1


async def test_an_unknown_page_is_cached_under_its_text(make) -> None:
    small = make()
    new = "https://elsewhere.example/new"
    for request in (
        Request(new),
        Request(new, title="Heaps"),
        Request(new),
        Request(new, title="Heaps", k=3),
        Request(new, title="Rakes"),
    ):
        assert "unknown_page" in (await small.recommender.recommend(request)).degraded
    assert small.coclick.calls == 3


async def test_unknown_pages_do_not_evict_known_ones(make) -> None:
    small = make("cache.max_mb=0.4")
    await small.recommender.recommend(Request(URL1))
    for number in range(100):
        await small.recommender.recommend(Request(f"https://elsewhere.example/{number}", title="a" * 500))
    assert small.recommender._cache.bytes < 400_000
    calls = small.coclick.calls
    await small.recommender.recommend(Request(URL1))
    assert small.coclick.calls == calls


async def test_a_degraded_answer_for_an_unknown_page_is_not_cached(make) -> None:
    small = make()
    small.qprime.error = OSError("gone")
    for _ in range(2):
        await small.recommender.recommend(Request("https://elsewhere.example/new"))
    assert small.coclick.calls == 2


async def test_concurrent_requests_for_a_cold_page_share_one_computation(make) -> None:
    small = make()
    small.coclick.gate = asyncio.Event()
    asked = [asyncio.create_task(small.recommender.recommend(Request(URL1))) for _ in range(100)]
    await asyncio.sleep(0)
    small.coclick.gate.set()
    answers = await asyncio.gather(*asked)
    assert (small.coclick.calls, len({id(answer.body) for answer in answers})) == (1, 1)


async def test_a_failed_path_degrades_the_answer_which_is_not_cached(make) -> None:
    small = make()
    small.qprime.error = OSError("gone")
    answer = await small.recommender.recommend(Request(URL1))
    assert answer.degraded == ("recall:qprime:error",)
    assert len(answer.recommendations) == 5
    small.qprime.error = None
    assert (await small.recommender.recommend(Request(URL1))).degraded == ()


async def test_a_hanging_path_times_out_within_the_budget(make) -> None:
    small = make()
    small.coclick.gate = asyncio.Event()
    answer = await small.recommender.recommend(Request(URL1, budget_ms=30))
    assert "recall:coclick:timeout" in answer.degraded


async def test_an_unknown_page_is_flagged(make) -> None:
    answer = await make().recommender.recommend(Request("https://elsewhere.example/new"))
    assert answer.degraded == ("unknown_page",)


async def test_explain_shows_columns_drops_and_times(make) -> None:
    unwanted = "https://site1.example/page/1"
    answer = await make().recommender.recommend(Request(URL1, explain=True, exclude=(unwanted,)))
    explained = orjson.loads(answer.body)["explain"]
    assert explained["dropped"] == [{"url": unwanted, "reason": "excluded"}]
    assert [stage["stage"] for stage in explained["stages"]] == ["merge", "stage1"]
    best = explained["stages"][1]["candidates"][0]
    assert best["url"] == answer.recommendations[0].url
    assert best["columns"]["score"] == answer.recommendations[0].score
    assert "row" not in best["columns"]
    assert "facts.clicks_all" in best["columns"]
    assert {"recall:coclick", "stage1", "select"} <= explained["ms"].keys()


async def test_explain_shows_the_query_that_found_a_page(make) -> None:
    answer = await make().recommender.recommend(Request(URL1, explain=True))
    merged = answer.read().explain["stages"][0]["candidates"]
    assert {entry["because"] for entry in merged} == {"what comes next?", None}
    assert all((entry["because"] is None) == (entry["columns"]["rank_qprime"] is None) for entry in merged)


async def test_explain_hides_counts_of_a_few_readers(make) -> None:
    answer = await make().recommender.recommend(Request(URL1, explain=True))
    for stage in answer.read().explain["stages"]:
        for entry in stage["candidates"]:
            for name, value in entry["columns"].items():
                if name.rpartition(".")[2] in COUNTS:
                    assert value is None or value >= 5
    merged = answer.read().explain["stages"][1]["candidates"]
    assert {entry["columns"]["facts.clicks_all"] for entry in merged} & {99, 98}
    assert {entry["columns"]["facts.left"] for entry in merged} == {None}


async def test_explain_shows_the_best_of_many_candidates_and_how_many_more_there_were() -> None:
    many = Candidates(np.arange(3000, dtype=np.uint64), {"next_all": np.arange(3000, dtype=np.float32)})
    trace = Trace(explain=True, stages={"merge": many}, dropped=dict.fromkeys(range(3000), "spam"))
    record = await explain(trace, Nothing())
    (stage,) = record["stages"]
    assert (len(stage["candidates"]), stage["left_out"], len(record["dropped"])) == (2000, 1000, 2000)
    assert [entry["columns"]["next_all"] for entry in stage["candidates"][:7]] == [None] * 5 + [5, 6]


async def test_explain_hides_rates_that_may_rest_on_one_reader() -> None:
    columns = {
        name: np.full(3, 0.25, np.float32) for name in ("borrowed_next", "spread_shown", "affinity", "cf_cosine")
    }
    trace = Trace(explain=True, stages={"merge": Candidates(np.arange(3, dtype=np.uint64), columns)})
    (stage,) = (await explain(trace, Nothing()))["stages"]
    told = {"borrowed_next": None, "spread_shown": None, "affinity": None, "cf_cosine": 0.25}
    assert [entry["columns"] for entry in stage["candidates"]] == [told] * 3


class Nothing:
    """A table without rows."""

    name = "pages"

    async def get_many(self, keys: np.ndarray) -> list[bytes | None]:
        return [None] * len(keys)

    def __contains__(self, key: int) -> bool:
        return False


async def test_explained_answers_are_not_cached(make) -> None:
    small = make()
    for _ in range(2):
        await small.recommender.recommend(Request(URL1, explain=True))
    assert small.coclick.calls == 2


async def test_a_batch_gives_each_its_own_answer_or_error(make) -> None:
    refused = ClientError([])
    results = await recommend_each(make().recommender, [Request(URL1), refused, Request("ftp://a.example/")], 2)
    assert isinstance(results[0], Answer)
    assert results[1] is refused
    assert isinstance(results[2], ClientError)


async def test_cache_results_and_degraded_answers_are_counted(make) -> None:
    small = make()
    small.qprime.error = OSError("gone")
    await small.recommender.recommend(Request(URL1))
    small.qprime.error = None
    for _ in range(2):
        await small.recommender.recommend(Request(URL1))
    text = small.gateway.metrics.text().decode()
    assert 'onward_cache_total{result="miss"} 2.0' in text
    assert 'onward_cache_total{result="hit"} 1.0' in text
    assert 'onward_degraded_total{reason="recall:qprime:error"} 1.0' in text
    assert 'onward_stage_milliseconds_count{stage="stage1"} 2.0' in text
