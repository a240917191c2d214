"""The whole loop: a gateway with arms, simulated readers who click what they prefer, events, and the report."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import orjson
import pytest
from typer.testing import CliRunner

from cli.main import app
from configs.reading import SettingsError
from evaluation.experiments.report import Options, Report, report_on
from evaluation.off_policy.estimators import estimate
from evaluation.off_policy.log import read_log
from service.bootstrap import load
from service.events.opening import send_now
from service.http.app import make_app
from service.settings import read_settings
from tests.conftest import PATIENT

READERS = 160
TIME = datetime.now(UTC).isoformat()
ARMS = """
name = "weights"
without_unit = {}

[[arms]]
name = "quality"
share = 0.5
quality_weight = 1

[[arms]]
name = "clicks"
share = 0.5
quality_weight = 0
{}
"""


def near(url1: str, url2: str) -> bool:
    """Whether readers prefer a page: it lies a few pages further on in the topic."""
    (topic1, page1), (topic2, page2) = (url.rsplit("/", 2)[1:] for url in (url1, url2))
    return topic1 == topic2 and 1 <= (int(page2) - int(page1)) % 50 <= 4


def clicks(answer: dict, rng: np.random.Generator) -> list[int]:
    """Return the positions that a reader clicks, from 1."""
    url1 = answer["url1"]
    pages = [page["url"] for page in answer["recommendations"]]
    return [i for i, url in enumerate(pages, 1) if rng.random() < (0.5 if near(url1, url) else 0.03)]


async def read(tiny, directory: Path, arms: str, unit: Callable[[int], str]) -> Path:
    """Serve readers under the arms; return the directory of the events that they left."""
    (directory / "arms.toml").write_text(arms)
    bundles = tiny.link(directory / "bundles")
    own = ["feedback.enabled=true", f"experiments.file={directory / 'arms.toml'}", "feedback.rotate_s=3600"]
    settings = read_settings(None, [*PATIENT, *own], {})
    gateway = load(bundles, settings)
    await gateway.warm_up()
    rng = np.random.default_rng(0)
    transport = httpx.ASGITransport(make_app(gateway))
    async with httpx.AsyncClient(transport=transport, base_url="http://onward") as client:
        for number in range(READERS):
            url1, who = tiny.urls[int(rng.integers(60))], unit(number)
            asked = {"url1": url1, **({"unit": who} if who else {})}
            answer = (await client.get("/recommend", params=asked)).raise_for_status().json()
            about = {"answer_id": answer["answer_id"]}
            plain = {"query_id": f"impression-{number}", "timestamp": TIME, **({"client_id": who} if who else {})}
            events = [
                {"event_id": f"shown-{number:08}", "action_name": "impression", "event_attributes": about, **plain}
            ]
            events += [
                {
                    "event_id": f"click-{number:08}-{position}",
                    "action_name": "click",
                    "event_attributes": {**about, "position": {"ordinal": position}},
                    **plain,
                }
                for position in clicks(answer, rng)
            ]
            results = (await client.post("/events", json={"events": events})).raise_for_status().json()["results"]
            assert {result["status"] for result in results} == {"accepted"}
    await gateway.close()
    await send_now(settings.feedback, bundles, None)  # a slow machine may leave events in the spool
    return bundles / "feedback" / "events"


def reported(events: Path) -> Report:
    return report_on(events, "weights", Options(control="quality"))


async def test_the_better_arm_is_found(tiny, tmp_path: Path) -> None:
    found = reported(await read(tiny, tmp_path, ARMS.format("[]", ""), lambda number: f"reader-{number}"))
    [clicked] = [of for of in found.differences if of.metric.name == "clicks per answer"]
    assert clicked.found
    assert clicked.absolute.low > 0
    assert sum(arm.units for arm in found.arms) == READERS
    assert found.warnings == []


async def test_without_units_interleaving_finds_it(tiny, tmp_path: Path) -> None:
    found = reported(await read(tiny, tmp_path, ARMS.format('["quality", "clicks"]', ""), lambda number: ""))
    [credit] = found.credits
    assert (credit.first, credit.second, credit.impressions) == ("quality", "clicks", READERS)
    assert credit.share.low > 0.5
    assert credit.found
    assert found.arms == []


async def test_an_exploring_arm_tells_what_another_order_would_get(tiny, tmp_path: Path) -> None:
    arms = ARMS.format('["clicks"]', "explore = { share = 1.0, top = 5 }")
    events = await read(tiny, tmp_path, arms, lambda number: "")
    log = read_log(events, "weights")
    assert log.propensity == pytest.approx(0.2)
    found = estimate(log, np.sort(log.shown, axis=1))  # readers here do not mind the order: any gets as many clicks
    for of in (found.ips, found.snips, found.dr):
        assert abs(of.mean - found.logged.mean) < of.high - of.low  # four standard errors: chance changes by the hour
    command = ["evaluate", "--bundles", str(tmp_path / "bundles"), "--off-policy", str(events)]
    ran = await asyncio.to_thread(CliRunner().invoke, app, [*command, "--json", str(tmp_path / "found.json")])
    assert ran.exit_code == 0, ran.output
    assert "DR" in ran.output
    figures = orjson.loads((tmp_path / "found.json").read_bytes())
    assert figures["impressions"] == READERS
    assert 0 < figures["matched"] < 1


def test_arms_need_events(tiny, tmp_path: Path) -> None:
    (tmp_path / "arms.toml").write_text(ARMS.format("[]", ""))
    settings = read_settings(None, [*PATIENT, f"experiments.file={tmp_path / 'arms.toml'}"], {})
    with pytest.raises(SettingsError, match=r"experiments.file: .* set feedback.enabled=true"):
        load(tiny.bundles, settings)
