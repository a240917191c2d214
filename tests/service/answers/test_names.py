from __future__ import annotations

from service.answers.asked import asked
from service.answers.request import Request

URL1 = "https://site0.example/page/0"


async def test_an_answer_that_is_kept_keeps_its_id(make) -> None:
    recommender = make("feedback.enabled=true").recommender
    first = await recommender.recommend(Request(URL1))
    recommender._names._ids._clock = lambda: 4e9
    again = await recommender.recommend(Request(URL1))
    assert again.body == first.body
    assert recommender.cached_answer(asked(Request(URL1), recommender.live.bundle)).body == first.body


async def test_the_tag_changes_with_the_period_not_with_the_id(make) -> None:
    answers = []
    for now in (1e9, 1e9 + 60, 1e9 + 86_400):
        small = make("feedback.enabled=true", "cache.max_mb=0")
        small.recommender._names._ids._clock = lambda now=now: now
        answers.append(await small.recommender.recommend(Request(URL1)))
        await small.gateway.close()
    first, later, next_day = answers
    assert first.read().answer_id != later.read().answer_id
    assert first.tag == later.tag != next_day.tag


async def test_every_kind_of_answer_has_an_id(make) -> None:
    recommender = make("feedback.enabled=true").recommender
    others = ({"explain": True}, {"exclude": (URL1,)}, {"quality_weight": 0.5}, {"k": 30})
    for options in ({}, *others):
        assert (await recommender.recommend(Request(URL1, **options))).read().answer_id
    assert (await recommender.recommend(Request("https://elsewhere.example/new", title="x"))).read().answer_id


async def test_without_feedback_the_body_has_none(make) -> None:
    answer = await make().recommender.recommend(Request(URL1))
    assert b"answer_id" not in answer.body
    assert "-" not in answer.tag
