"""Arms that answer from another bundle, on real bundles over HTTP."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from configs.reading import SettingsError
from service.answers.request import Request
from service.bootstrap import load
from service.bundles.check_messages import Refused
from service.http.app import make_app
from service.rules.rule import Rule
from service.settings import read_settings
from tests.conftest import PATIENT
from tests.service.second_bundle import OTHER, add

THIRD = "20990101T000000Z-00000003"
ARMS = """
name = "bundles"
without_unit = {}
[[arms]]
name = "live"
share = 0.5
[[arms]]
name = "other"
share = 0.5
bundle = "{}"
"""
NO_ARMS = 'name = "over"\n[[arms]]\nname = "control"\nshare = 1\n'


class Site:
    """A gateway of a directory of bundles, with a file of arms and a client."""

    def __init__(self, bundles: Path, arms: str, *overrides: str) -> None:
        self.bundles, self.file = bundles, bundles / "arms.toml"
        self.file.write_text(arms)
        own = ["feedback.enabled=true", f"experiments.file={self.file}", "swap.watch_s=0", *overrides]
        self.gateway = load(bundles, read_settings(None, [*PATIENT, *own], {}))
        self.live, self.name = self.gateway.live, self.gateway.bundle

    @property
    def experiments(self):
        return self.gateway.recommender.experiments

    async def arms(self, text: str) -> None:
        self.file.write_text(text)
        await self.experiments.poll()

    async def ask(self, url1: str, **params: str) -> dict:
        return (await self.http.get("/recommend", params={"url1": url1, **params})).raise_for_status().json()

    async def units(self, url1: str) -> dict[str, str]:
        """Return a unit for each bundle that answers."""
        return {(await self.ask(url1, unit=str(number)))["bundle"]: str(number) for number in range(12)}


@pytest.fixture
def bundles(tiny, tmp_path: Path) -> Path:
    """The tiny bundle, and another with other scores."""
    bundles = tiny.link(tmp_path / "bundles")
    add(bundles, shift=100.0)  # so much that a swap would refuse it
    return bundles


@asynccontextmanager
async def opened(bundles: Path, arms: str, *overrides: str) -> AsyncIterator[Site]:
    site = Site(bundles, arms, *overrides)
    try:
        await site.gateway.warm_up()
        transport = httpx.ASGITransport(make_app(site.gateway))
        async with httpx.AsyncClient(transport=transport, base_url="http://onward") as site.http:
            yield site
    finally:
        await site.gateway.close()


def shown(answer: dict) -> list[str]:
    return [page["url"] for page in answer["recommendations"]]


async def test_two_bundles_answer_side_by_side_and_are_named(tiny, bundles: Path) -> None:
    url1 = tiny.urls[0]
    async with opened(bundles, ARMS.format("[]", OTHER)) as site:
        units = await site.units(url1)
        assert units.keys() == {site.name, OTHER}
        live, other = [await site.ask(url1, unit=units[name]) for name in (site.name, OTHER)]
        assert live["served_by"] == other["served_by"] == "cache"
        assert live["recommendations"][0]["score"] != other["recommendations"][0]["score"]
        ids = site.gateway.recommender._names._ids
        assert [ids.read(answer["answer_id"]).bundle for answer in (live, other)] == [site.name, OTHER]
        explained = await site.ask(url1, unit=units[OTHER], explain="true")
        assert (explained["bundle"], explained["explain"]["arm"]) == (OTHER, "bundles/other")
        labels = f'arm="other",bundle="{OTHER}",experiment="bundles"'
        assert f"onward_arm_bundle_info{{{labels}}} 1.0" in site.gateway.metrics.text().decode()
        unknown = {"url1": "https://elsewhere.example/new", "title": "soup with onion", "unit": units[OTHER]}
        answer = (await site.http.post("/recommend", json=unknown)).json()
        assert answer["bundle"] == OTHER
        assert "unknown_page" in answer["degraded"] and answer["recommendations"]


async def test_a_takedown_holds_in_both_bundles_while_their_lists_are_cached(tiny, bundles: Path) -> None:
    url1 = tiny.urls[0]
    async with opened(bundles, ARMS.format("[]", OTHER)) as site:
        units = await site.units(url1)
        gone = set(shown(await site.ask(url1, unit=units[site.name]))[:2])
        assert gone & set(shown(await site.ask(url1, unit=units[OTHER])))
        rules = tuple(Rule(action="block", url=url) for url in gone)
        site.gateway.rules.rules.replace("takedowns", rules)
        for name, unit in units.items():
            answer = await site.ask(url1, unit=unit)
            assert (answer["bundle"], len(shown(answer))) == (name, 5)
            assert not gone & set(shown(answer))


async def test_a_list_of_two_bundles_names_both_and_its_events_are_credited(tiny, bundles: Path) -> None:
    async with opened(bundles, ARMS.format('["live", "other"]', OTHER)) as site:
        answer = await site.ask(tiny.urls[0])
        assert answer["bundle"] == f"{site.name}+{OTHER}"
        about = {"answer_id": answer["answer_id"], "position": {"ordinal": 1}}
        about["object"] = {"object_id": shown(answer)[0]}
        event = {"event_id": "event-00001", "query_id": "impression-1", "timestamp": datetime.now(UTC).isoformat()}
        events = [{**event, "action_name": "click", "event_attributes": about}]
        response = await site.http.post("/events", json={"events": events})
        assert [result["status"] for result in response.json()["results"]] == ["accepted"]


async def test_a_swap_of_the_live_bundle_leaves_the_arms_alone_and_back(tiny, bundles: Path) -> None:
    add(bundles, name=THIRD)
    url1 = tiny.urls[0]
    async with opened(bundles, ARMS.format("[]", OTHER)) as site:
        units = await site.units(url1)
        await site.gateway.swaps.to(THIRD)
        assert (await site.ask(url1, unit=units[site.name]))["bundle"] == THIRD
        other = await site.ask(url1, unit=units[OTHER])
        assert (other["bundle"], other["served_by"]) == (OTHER, "cache")
        with pytest.raises(Refused, match="mean score"):  # the one that the arm holds: it is compared all the same
            await site.gateway.swaps.to(OTHER)
        await site.gateway.swaps.to(OTHER, force=True)
        assert {(await site.ask(url1, unit=unit))["bundle"] for unit in units.values()} == {OTHER}
        await site.gateway.swaps.to(site.name, force=True)
        assert await site.units(url1) == units


async def test_removing_the_experiment_frees_its_bundle_once_no_request_uses_it(tiny, bundles: Path) -> None:
    url1 = tiny.urls[0]
    async with opened(bundles, ARMS.format("[]", OTHER)) as site:
        await site.units(url1)
        request = site.live.lease(OTHER)
        await site.arms(NO_ARMS)
        assert site.live.named(OTHER) is request.bundle
        request.release()
        assert site.live.named(OTHER) is None
        await site.live.no_older_open()
        assert {(await site.ask(url1, unit=str(unit)))["bundle"] for unit in range(12)} == {site.name}
        assert OTHER not in site.gateway.metrics.text().decode()
        await site.arms(ARMS.format("[]", OTHER))  # and it can come again
        assert (await site.units(url1)).keys() == {site.name, OTHER}


async def test_a_missing_or_spoilt_bundle_is_refused_by_name_and_the_old_arms_stay(tiny, bundles: Path) -> None:
    async with opened(bundles, NO_ARMS) as site:
        for name in (THIRD, OTHER):
            if name == OTHER:
                blend = bundles / OTHER / "blend.json"
                text = blend.read_bytes()
                blend.unlink()
                blend.write_bytes(text[:-1] + b" ")
            await site.arms(ARMS.format("[]", name))
            assert "arm other: bundle: " in site.experiments.problem and name in site.experiments.problem
            assert site.experiments.current.name == "over"
            assert site.live.named(name) is None
        assert "does not match its hash" in site.experiments.problem
        assert 'onward_bundle_refused_total{reason="files"} 2.0' in site.gateway.metrics.text().decode()
        blend.write_bytes(text)
        os.utime(site.file, (1, 1))  # written again
        await site.experiments.poll()
        assert site.experiments.problem == ""
        assert (await site.units(tiny.urls[0])).keys() == {site.name, OTHER}


async def test_a_gateway_does_not_start_with_an_arm_whose_bundle_is_missing(bundles: Path) -> None:
    site = Site(bundles, ARMS.format("[]", THIRD))
    with pytest.raises(SettingsError, match=f"experiments.file: .*arm other: bundle: .* holds no bundle {THIRD}"):
        await site.gateway.warm_up()
    assert not site.gateway.ready
    await site.gateway.close()


async def test_an_arms_own_blocks_leave_no_gap_and_touch_no_other_arms_list(tiny, bundles: Path) -> None:
    arms = ARMS.format("[]", OTHER).replace(f'bundle = "{OTHER}"', 'rules = "own.toml"')
    url1 = tiny.urls[0]
    async with opened(bundles, NO_ARMS, "stage1.keep_top=5", "select.max_per_host=30") as site:
        before = shown(await site.ask(url1, unit="a"))
        (bundles / "own.toml").write_text("".join(f'[[rule]]\naction = "block"\nurl = "{url}"\n' for url in before))
        await site.arms(arms)
        answers = [shown(await site.ask(url1, unit=str(unit))) for unit in range(12)]
        others = [answer for answer in answers if answer != before]
        assert others and len(others) < 12
        assert all(len(answer) == 5 and not set(answer) & set(before) for answer in others)
        assert shown(await site.ask(url1)) == before


async def test_at_most_two_bundles_beside_the_live_one(tiny, bundles: Path) -> None:
    shares = ["0.3", "0.3", "0.4"]
    arms = [f'[[arms]]\nname = "a{i}"\nshare = {share}\nbundle = "{OTHER[:-1]}{i}"\n' for i, share in enumerate(shares)]
    with pytest.raises(SettingsError, match=r"arms: they name 3 bundles \(.*\): name at most 2"):
        Site(bundles, 'name = "many"\n' + "".join(arms))


async def test_a_request_in_flight_keeps_its_arms_bundle_open(tiny, bundles: Path) -> None:
    async with opened(bundles, ARMS.format('["other"]', OTHER)) as site:
        asked = asyncio.create_task(site.gateway.recommender.recommend(Request(tiny.urls[7])))
        await asyncio.sleep(0)  # it has begun
        await site.arms(NO_ARMS)
        assert (await asked).read().bundle == OTHER
        await site.live.no_older_open()
        assert site.live.named(OTHER) is None


async def test_a_bundle_that_cannot_even_be_checked_is_refused_and_told(tiny, bundles: Path) -> None:
    """Such as where no process can be started for it."""
    async with opened(bundles, NO_ARMS) as site:

        async def no_process(order):
            raise OSError("cannot fork")

        site.gateway.swaps._trials.run = no_process
        await site.arms(ARMS.format("[]", OTHER))
        assert "cannot fork" in site.experiments.problem
        assert site.experiments.current.name == "over"
