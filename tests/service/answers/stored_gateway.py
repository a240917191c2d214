"""Gateways over bundles with stored answers, and such bundles with one file changed."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ranking.stored_answers import FILE
from service.answers.answer import Answer
from service.answers.request import Request
from service.bootstrap import load
from service.bundles.sample_answers import take
from service.gateway import Gateway
from service.settings import read_settings
from store.bundle import publish
from store.page_row import read_text
from store.tables import LmdbTable, write_table
from tests.conftest import PATIENT, Tiny

OTHER = "20990101T000000Z-00000001"


@asynccontextmanager
async def opened(bundles: Path, *overrides: str, redis_url: str | None = None) -> AsyncIterator[Gateway]:
    gateway = load(bundles, read_settings(None, [*PATIENT, "cache.pairs=0", *overrides], {}), redis_url=redis_url)
    try:
        await timed(gateway)
        yield gateway
    finally:
        await gateway.close()


async def timed(gateway: Gateway) -> None:
    """Rank one page: until it has timed its cross-encoder, a gateway scores ten pairs per call, which differ."""
    live = gateway.live.bundle
    await take(live, live.warmup[:1], 60.0)


async def ask(gateway: Gateway, url: str, **fields: object) -> Answer:
    return await gateway.recommender.recommend(Request(url, **fields))  # type: ignore[arg-type]


def shown(answer: Answer) -> list[str]:
    return [page.url for page in answer.recommendations]


def urls(tiny: Tiny, stored: bool = True) -> list[str]:
    """Return the URLs of pages with a stored answer, or of those without."""
    answers, pages = (LmdbTable(tiny.bundle.file(f"tables/{name}.lmdb")) for name in ("answers", "pages"))
    found = [read_text(row).url for page, row in pages.items() if (page in answers) == stored]
    answers.close()
    pages.close()
    return found


def changed(tiny: Tiny, target: Path, file: str, content: Path) -> Path:
    """Return bundles whose current one is a copy with another file."""
    (target / "building" / file).parent.mkdir(parents=True)
    for name in tiny.bundle.manifest.files:
        (target / "building" / name).parent.mkdir(parents=True, exist_ok=True)
        if name != file:
            os.link(tiny.bundle.file(name), target / "building" / name)
    shutil.copy(content, target / "building" / file)
    publish(target / "building", target, tiny.bundle.manifest.model_copy(update={"name": OTHER}))
    return target


def with_rows(tiny: Tiny, target: Path, rows: dict[int, bytes]) -> Path:
    """Return bundles with some rows of stored answers replaced."""
    table = LmdbTable(tiny.bundle.file(FILE))
    write_table(target / "rows.lmdb", {**dict(table.items()), **rows}.items())
    table.close()
    return changed(tiny, target / "bundles", FILE, target / "rows.lmdb")
