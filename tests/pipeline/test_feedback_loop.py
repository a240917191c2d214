"""The loop: serve, record what readers do, rebuild; the page that they click rises."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pyarrow.parquet as pq
from reader_events import event

from pipeline.build import build
from service.answers.request import Request
from service.bootstrap import load
from service.events.opening import send_now
from service.gateway import Gateway
from service.settings import read_settings
from tests.conftest import CONFIG, DAYS, PATIENT, START, Tiny

_AFTER = START + timedelta(days=DAYS, hours=1)  # the end of the site's own log
_READERS = 250


def shown(bundles: Path, url1: str) -> list[str]:
    async def ask() -> list[str]:
        gateway = load(bundles, read_settings(None, PATIENT, {}))
        try:
            return [page.url for page in (await gateway.recommender.recommend(Request(url1, k=10))).recommendations]
        finally:
            await gateway.close()

    return asyncio.run(ask())


async def read_and_click(gateway: Gateway, url1: str, place: int) -> None:
    """Let readers see the answer for a page, and click the page at one place; a minute passes between two readers."""
    now = _AFTER.timestamp()
    names, recorder = gateway.recommender._names, gateway.recorder
    assert names is not None and recorder is not None
    names._ids._clock = recorder._credits._clock = lambda: now
    recorder.start()
    answer = (await gateway.recommender.recommend(Request(url1, k=10))).read()
    answer_id = answer.answer_id or ""
    for _ in range(_READERS):
        now += 60
        sent = {"query_id": str(uuid4()), "timestamp": datetime.fromtimestamp(now, UTC).isoformat()}
        seen, click = event("impression", answer_id, **sent), event("click", answer_id, place, **sent)
        assert [result.status for result in await recorder.record([seen, click])] == ["accepted"] * 2


def test_the_page_that_readers_click_rises(tiny: Tiny, tmp_path: Path) -> None:
    data, bundles = tmp_path / "data", tmp_path / "bundles"
    shutil.copytree(tiny.data, data)
    url1 = tiny.urls[7]
    before = shown(tiny.bundles, url1)
    clicked = before[7]
    feedback = ("feedback.enabled=true", f"feedback.directory={data}/events", f"feedback.spool={tmp_path}/spool")

    async def serve() -> None:
        settings = read_settings(None, [*PATIENT, *feedback], {})
        gateway = load(tiny.bundles, settings)
        await read_and_click(gateway, url1, 8)
        await gateway.close()
        assert await send_now(settings.feedback, tiny.bundles, None) == 0

    asyncio.run(serve())
    assert build(data, bundles, CONFIG) is not None
    impressions = pq.read_table(bundles / "work/read/impressions.parquet")
    assert impressions.num_rows - 7_200 == 10 * _READERS
    assert shown(bundles, url1).index(clicked) < 3
