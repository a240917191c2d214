"""Arms over HTTP and gRPC, on a small gateway: `coclick` alone lists the first pages, `qprime` alone the last."""

from __future__ import annotations

import asyncio

import grpc
import httpx
import pytest

from service.answer_ids.answer_ids import AnswerId, AnswerIds
from service.answer_ids.keys import OneKey
from service.answers.request import Request
from service.http.app import make_app
from service.pb import recommender_pb2 as pb
from service.pb.recommender_pb2_grpc import RecommenderStub
from service.rules.live_rules import LiveRules
from service.rules.rule import Rule
from tests.service.conftest import BUNDLE, URLS

URL1 = URLS[0]
PATIENT = ("budget_ms=60000", "max_budget_ms=60000")  # a busy machine must not cost an answer its parts
ARMS = """
name = "paths"
without_unit = {}
[[arms]]
name = "clicks"
share = 0.5
recall = {{ qprime = 0 }}
[[arms]]
name = "search"
share = 0.5
recall = {{ coclick = 0 }}
{}
"""
INTERLEAVED = ARMS.format('["clicks", "search"]', "")
EXPLORING = ARMS.format('["search"]', "explore = { share = 0.5, top = 5 }")
CLICKS, SEARCH = URLS[1:6], URLS[11:6:-1]


@pytest.fixture
async def ask(make):
    clients = []

    def over(arms: str):
        small = make(*PATIENT, arms=arms)
        client = httpx.AsyncClient(transport=httpx.ASGITransport(make_app(small.gateway)), base_url="http://onward")
        clients.append(client)
        client.small = small
        return client

    yield over
    for client in clients:
        await client.aclose()


def said(answer: dict) -> AnswerId:
    return AnswerIds(OneKey(b"secret"), 3600).read(answer["answer_id"])


def listed(answer: dict) -> list[str]:
    return [page["url"] for page in answer["recommendations"]]


async def get(client, **params):
    return await client.get("/recommend", params={"url1": URL1, **params})


async def test_each_unit_gets_the_list_of_its_arm_again_and_again(ask) -> None:
    client, seen = ask(ARMS.format("[]", "")), {}
    for _ in range(2):  # computed, then cached
        for unit in map(str, range(12)):
            answer = (await get(client, unit=unit)).json()
            name = said(answer)
            assert name.experiment == "paths"
            assert listed(answer) == {"clicks": CLICKS, "search": SEARCH}[name.arm]
            assert seen.setdefault(unit, name.arm) == name.arm
    assert set(seen.values()) == {"clicks", "search"}
    clicks = list(seen.values()).count("clicks")
    assert f'onward_arm_answers_total{{arm="clicks",experiment="paths"}} {2 * clicks}.0' in (
        client.small.gateway.metrics.text().decode()
    )


async def test_an_answer_for_a_unit_is_kept_out_of_shared_caches(ask) -> None:
    client = ask(ARMS.format("[]", ""))
    for _ in range(2):  # of the route, then of the fast path
        assert (await get(client, unit="a")).headers["cache-control"].startswith("private, max-age=60")
        assert (await get(client)).headers["cache-control"].startswith("public, max-age=60")


async def test_without_a_unit_and_arms_for_it_answers_are_as_ever(ask) -> None:
    answer = (await get(ask(ARMS.format("[]", "")))).json()
    assert said(answer).experiment == said(answer).arm == ""
    assert answer["recommendations"]


async def test_without_a_unit_two_arms_share_a_list(ask) -> None:
    client = ask(INTERLEAVED)
    first, again = (await get(client)).json(), (await get(client)).json()
    name = said(first)
    assert name.arm == "clicks+search"
    assert sorted(name.teams.count(team) for team in (0, 1)) == [2, 3]
    lists = (iter(CLICKS), iter(SEARCH))
    assert listed(first) == [next(lists[team]) for team in name.teams]
    assert listed(again) == listed(first)  # caches may share it
    assert said(again).teams == name.teams
    assert first["degraded"] == []


async def test_pages_draw_their_teams_independently(ask) -> None:
    client, drawn = ask(INTERLEAVED), set()
    for url in URLS[:8]:
        drawn.add(said((await client.get("/recommend", params={"url1": url})).json()).teams[:2])
    assert drawn == {(0, 1), (1, 0)}


async def test_an_exploring_arm_says_its_propensities(ask) -> None:
    client, orders, shuffles = ask(EXPLORING), set(), 0
    for unit in map(str, range(60)):
        answer = (await get(client, unit=unit)).json()
        name = said(answer)
        if name.arm == "clicks":
            assert name.propensities == ()
            continue
        orders.add(tuple(listed(answer)))
        assert set(listed(answer)) == set(SEARCH)
        for page, place, chance in zip(listed(answer), SEARCH, name.propensities, strict=True):
            assert chance == pytest.approx(0.6 if page == place else 0.1)
        assert name.shuffled or listed(answer) == SEARCH
        shuffles += name.shuffled
    assert tuple(SEARCH) in orders
    assert len(orders) > 2
    assert shuffles > 2


async def test_a_request_with_its_own_weight_takes_no_part(ask) -> None:
    answer = (await ask(INTERLEAVED).post("/recommend", json={"url1": URL1, "quality_weight": 0.5})).json()
    assert said(answer).arm == ""


async def test_an_explanation_names_the_arm(ask) -> None:
    answer = (await get(ask(INTERLEAVED), explain="true")).json()
    assert answer["explain"]["arm"] == "paths/clicks"
    assert listed(answer) == CLICKS


async def test_excluded_pages_are_in_no_arm(ask) -> None:
    body = {"url1": URL1, "exclude": [CLICKS[0], SEARCH[0]]}
    answer = (await ask(INTERLEAVED).post("/recommend", json=body)).json()
    assert not {CLICKS[0], SEARCH[0]} & set(listed(answer))
    assert len(said(answer).teams) == len(listed(answer)) == 5


async def test_a_unit_that_is_no_text_is_refused_by_name(ask) -> None:
    client = ask(INTERLEAVED)
    assert (await get(client, unit="x" * 101)).json()["errors"][0]["field"] == "unit"
    response = await client.post("/recommend", content=b'{"url1": "%s", "unit": "\\ud800"}' % URL1.encode())
    assert response.status_code in (200, 400, 422)


async def test_grpc_takes_a_unit(make, served) -> None:
    gateway = make(*PATIENT, arms=ARMS.format("[]", "")).gateway
    async with served(gateway) as server, grpc.aio.insecure_channel(server.grpc) as channel:
        ask = RecommenderStub(channel).Recommend
        answers = [await ask(pb.RecommendRequest(url1=URL1, unit=str(unit))) for unit in range(12)]
    arms = {AnswerIds(OneKey(b"secret"), 3600).read(answer.answer_id).arm for answer in answers}
    assert arms == {"clicks", "search"}
    assert {answer.bundle for answer in answers} == {BUNDLE}


async def test_a_page_blocked_while_one_arm_is_computed_is_in_no_list_of_two_arms(make) -> None:
    rules = LiveRules()
    small = make(*PATIENT, arms=INTERLEAVED, rules=rules)
    small.qprime.gate = asyncio.Event()
    asked = asyncio.create_task(small.recommender.recommend(Request(URLS[0])))
    kept = small.gateway.metrics.registry.get_sample_value
    while not kept("onward_cache_bytes"):  # noqa: ASYNC110 -- until the list of one arm is there
        await asyncio.sleep(0.001)
    blocked = URLS[1:6]
    rules.replace("takedowns", tuple(Rule(action="block", url=url) for url in blocked))
    small.recommender.follow_rules()
    small.qprime.gate.set()
    shown = {page.url for page in (await asked).recommendations}
    await small.gateway.close()
    assert not shown & set(blocked)


@pytest.mark.parametrize(("arms", "field", "of_pin"), [(INTERLEAVED, "teams", -1), (EXPLORING, "propensities", 1.0)])
async def test_a_pinned_page_keeps_its_place_and_is_of_no_arm_or_chance(make, arms, field, of_pin) -> None:
    rules = LiveRules()
    pinned = Rule(action="pin", url=URLS[11], position=3)
    rules.replace("file", (pinned,))
    small = make(*PATIENT, arms=arms, rules=rules)
    answer = (await small.recommender.recommend(Request(URLS[0]))).read()
    await small.gateway.close()
    said = getattr(AnswerIds(OneKey(b"secret"), 3600).read(answer.answer_id), field)
    assert answer.recommendations[2].url == URLS[11]
    assert len(said) == len(answer.recommendations) == 5
    assert said[2] == of_pin
    assert of_pin not in (*said[:2], *said[3:])


async def test_pages_below_those_explored_keep_their_places(make) -> None:
    small = make(*PATIENT, arms=EXPLORING.replace("top = 5", "top = 2"))
    answer = (await small.recommender.recommend(Request(URLS[0], k=4))).read()
    await small.gateway.close()
    assert [page.url for page in answer.recommendations[2:]] == SEARCH[2:4]
    assert AnswerIds(OneKey(b"secret"), 3600).read(answer.answer_id).propensities[2:] == (1.0, 1.0)


async def test_an_explained_answer_is_of_no_arm(make) -> None:
    small = make(*PATIENT, arms=INTERLEAVED)
    answer = (await small.recommender.recommend(Request(URLS[0], explain=True))).read()
    await small.gateway.close()
    assert AnswerIds(OneKey(b"secret"), 3600).read(answer.answer_id).arm == ""
