"""Arms with rules of their own, over HTTP: in addition to the gateway's, whose blocks hold in every arm."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from configs.reading import SettingsError
from service.answer_ids.answer_ids import AnswerId, AnswerIds
from service.answer_ids.keys import OneKey
from service.http.admin import make_admin_app
from service.http.app import make_app
from service.rules.live_rules import LiveRules
from service.rules.rule import Rule
from tests.service.conftest import URLS

URL1, PAGE, FIRST, LAST = URLS[0], URLS[2], URLS[1], URLS[10]
PATIENT = ("budget_ms=60000", "max_budget_ms=60000", "rules.watch_s=0.01")
ARMS = """
name = "ruled"
without_unit = {}
[[arms]]
name = "plain"
share = 0.5
[[arms]]
name = "own"
share = 0.5
rules = "own.toml"
"""
INTERLEAVED = ARMS.format('["plain", "own"]')
BLOCK = '[[rule]]\naction = "block"\nurl = "{}"\n'
PIN = '[[rule]]\naction = "pin"\nurl = "{}"\nposition = {}\n'


class Site:
    """A small gateway with arms, and a client."""

    def __init__(self, make, directory: Path, arms: str, own: str) -> None:
        self.file, self.rules = directory / "own.toml", LiveRules()
        self.file.write_text(own)
        self.small = make(*PATIENT, arms=arms, rules=self.rules)
        self.gateway = self.small.gateway

    async def ask(self, **params: str) -> dict:
        return (await self.http.get("/recommend", params={"url1": URL1, **params})).raise_for_status().json()

    async def shown(self, unit: str) -> list[str]:
        return [page["url"] for page in (await self.ask(unit=unit))["recommendations"]]

    async def units(self) -> tuple[str, str]:
        """Return a unit of the arm without rules, and one of the arm with its own."""
        arms = {said(await self.ask(unit=str(number))).arm: str(number) for number in range(12)}
        return arms["plain"], arms["own"]

    def take_down(self, url: str) -> None:
        self.rules.replace("takedowns", (Rule(action="block", url=url),))
        self.gateway.recommender.follow_rules()


def said(answer: dict) -> AnswerId:
    return AnswerIds(OneKey(b"secret"), 3600).read(answer["answer_id"])


@pytest.fixture
def opened(make, tmp_path: Path):
    @asynccontextmanager
    async def over(own: str, arms: str = ARMS.format("[]")) -> AsyncIterator[Site]:
        site = Site(make, tmp_path, arms, own)
        await site.gateway.warm_up()
        transport, admin = (httpx.ASGITransport(app(site.gateway)) for app in (make_app, make_admin_app))
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://onward") as site.http,
            httpx.AsyncClient(transport=admin, base_url="http://onward") as site.admin,
        ):
            yield site
        await site.gateway.close()

    return over


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 -- the gateway has no event for it
            await asyncio.sleep(0.001)


async def test_an_arms_rules_act_in_that_arm_alone_and_are_reloaded_while_lists_are_cached(opened) -> None:
    async with opened(BLOCK.format(PAGE)) as site:
        plain, own = await site.units()
        for _ in range(2):  # the list is cached and shared, what is shown of it is not
            assert PAGE in await site.shown(plain)
            assert PAGE not in await site.shown(own)
        before = site.small.coclick.calls
        site.file.write_text(PIN.format(LAST, 2))
        await until(lambda: site.gateway.arms_rules["own"].rules.current.rules[0].action == "pin")
        assert (await site.shown(own))[1] == LAST
        assert PAGE in await site.shown(own)
        assert (await site.shown(plain))[1] != LAST
        assert site.small.coclick.calls == before == 1


async def test_a_takedown_holds_in_all_arms_while_lists_are_cached_whatever_an_arm_pins(opened) -> None:
    async with opened(PIN.format(PAGE, 1)) as site:
        units = await site.units()
        assert (await site.shown(units[1]))[0] == PAGE
        site.take_down(PAGE)
        for unit in units:
            assert PAGE not in await site.shown(unit)
            assert len(await site.shown(unit)) == 5


async def test_two_arms_in_one_list_follow_each_its_own_rules_and_all_blocks_of_the_gateway(opened) -> None:
    async with opened(BLOCK.format(FIRST) + PIN.format(LAST, 1), INTERLEAVED) as site:
        answer = await site.ask(k="7")
        shown, teams = [page["url"] for page in answer["recommendations"]], said(answer).teams
        assert teams[shown.index(FIRST)] == 0  # only the arm without rules shows it
        assert teams[shown.index(LAST)] == 1  # what one arm pins is its choice
        site.take_down(FIRST)
        again = await site.ask(k="7")
        assert FIRST not in [page["url"] for page in again["recommendations"]]
        assert LAST in [page["url"] for page in again["recommendations"]]


async def test_a_broken_file_of_an_arm_keeps_its_last_rules_and_is_told(opened, caplog) -> None:
    async with opened(BLOCK.format(PAGE)) as site:
        _, own = await site.units()
        site.file.write_text(BLOCK.format(PAGE).replace("block", "blok"))
        await until(lambda: bool(site.gateway.rules_problems))
        assert PAGE not in await site.shown(own)
        assert "rule 1: action: must be 'block'" in caplog.text
        assert (await site.http.get("/readyz")).json()["rules"] == {"refused": ["arm own"]}
        listed = (await site.admin.get("/admin/rules")).json()
        assert "must be 'block'" in listed["problems"]["arm own"]
        assert [rule["url"] for rule in listed["arms"]["own"]] == [PAGE]
        assert 'onward_rules_problem{source="arm own"} 1.0' in site.gateway.metrics.text().decode()
        site.file.write_text(BLOCK.format(FIRST))
        await until(lambda: not site.gateway.rules_problems)
        assert FIRST not in await site.shown(own)
        assert PAGE in await site.shown(own)


async def test_a_new_file_of_arms_with_bad_rules_is_refused_and_the_old_arms_stay(opened, tmp_path: Path) -> None:
    async with opened(BLOCK.format(PAGE)) as site:
        _, own = await site.units()
        experiments = site.gateway.recommender.experiments
        (tmp_path / "arms.toml").write_text(ARMS.format("[]").replace("own.toml", "none.toml"))
        await experiments.poll()
        assert "arm own: rules:" in experiments.problem and "none.toml cannot be read" in experiments.problem
        assert (await site.http.get("/readyz")).json()["arms"] == {"refused": True}
        assert PAGE not in await site.shown(own)
        (tmp_path / "arms.toml").write_text(ARMS.format("[]").replace('rules = "own.toml"', "quality_weight = 0.5"))
        await experiments.poll()
        assert experiments.problem == ""
        assert PAGE in await site.shown(own)


async def test_a_gateway_does_not_start_with_bad_rules_of_an_arm(make, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"arms.toml: arm own: rules: .*rule 1: url: "):
        Site(make, tmp_path, ARMS.format("[]"), BLOCK.format("not a url"))


async def test_of_two_pins_for_one_place_the_gateways_has_it(opened) -> None:
    async with opened(PIN.format(LAST, 1)) as site:
        site.rules.replace("file", (Rule(action="pin", url=URLS[9], position=1),))
        _, own = await site.units()
        assert (await site.shown(own))[:2] == [URLS[9], LAST]


async def test_an_explanation_shows_what_an_arms_rules_did(opened) -> None:
    async with opened(BLOCK.format(PAGE), INTERLEAVED.replace('["plain", "own"]', '["own"]')) as site:
        explained = (await site.ask(explain="true"))["explain"]
        assert explained["arm"] == "ruled/own"
        assert [(hit["action"], hit["url"]) for hit in explained["rules"]] == [("block", PAGE)]


async def test_an_arms_pins_take_no_place_that_the_gateway_has_pinned_in_a_short_list(opened) -> None:
    async with opened(PIN.format(LAST, 1)) as site:
        site.rules.replace("file", (Rule(action="pin", url=URLS[9], position=1),))
        _, own = await site.units()
        answer = await site.ask(unit=own, k="1")
        assert [page["url"] for page in answer["recommendations"]] == [URLS[9]]


async def test_a_takedown_while_a_part_of_a_list_is_asked_for_again_holds_for_the_other_parts(opened) -> None:
    """Rules change while two arms' parts are got, and again between the parts that are then got once more."""
    async with opened(BLOCK.format(FIRST), INTERLEAVED) as site:
        trials = site.gateway.recommender._trials
        get, taken_down = trials._get, {2: URLS[5], 3: PAGE}
        calls = 0

        async def interrupted(part, rank):
            nonlocal calls
            answer, calls = await get(part, rank), calls + 1
            if calls in taken_down:
                site.take_down(taken_down[calls])
            return answer

        trials._get = interrupted
        answer = await site.ask(k="7")
        assert calls > 3
        assert PAGE not in [page["url"] for page in answer["recommendations"]]
