"""Stored answers beside computed ones: how fast they are made, and whether they are the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from configs import threads
from pipeline.answers.cascade import open_unhurried
from ranking.assembly import Choices
from ranking.make_answers import make, warm_up
from service.answers.answer import Answer
from service.answers.request import Request
from service.bootstrap import load
from service.settings import read_settings
from store.addresses import open_addresses
from store.bundle import open_bundle

_CORES = 2
_NEAR = 0.02  # a standard deviation is 1


def pages_per_second(bundles: Path, urls: Sequence[str]) -> float:
    """Make the answers of some pages as the build does."""
    bundle = open_bundle(bundles)
    addresses = open_addresses(bundle)
    pages = [addresses.page(url) for url in urls]
    addresses.close()
    threads.use(_CORES)

    async def run() -> float:
        with open_unhurried(bundle.path, bundle.manifest.config["text"]["tokens_per_page"], Choices()) as opened:
            cascade, at_once = opened
            await warm_up(cascade, pages[0])
            begun = time.perf_counter()
            made = [one async for one in make(cascade, pages, at_once)]
            return sum(one.row is not None for one in made) / (time.perf_counter() - begun)

    return asyncio.run(run())


async def compare(bundles: Path, urls: Sequence[str], settings: Sequence[str]) -> dict[str, Any]:
    """Return how many pages have the same five pages, stored and computed, and how close the others' scores are."""
    stored = [
        one for one in await _answers(bundles, urls, (*settings, "cache.stored=true")) if one.served_by == "stored"
    ]
    wanted = [one.read().url1 for one in stored]
    computed = await _answers(bundles, wanted, settings)
    pairs = [(_shown(one), _shown(other)) for one, other in zip(stored, computed, strict=True)]
    others = [(one, other) for one, other in pairs if one.keys() != other.keys()]
    near = sum(abs(min(one.values()) - min(other.values())) < _NEAR for one, other in others)
    return {"value": 1 - len(others) / len(pairs), "pages": len(pairs), "others": len(others), "near_ties": near}


async def _answers(bundles: Path, urls: Sequence[str], settings: Sequence[str]) -> list[Answer]:
    gateway = load(bundles, read_settings(None, settings, {}))
    try:
        await gateway.warm_up()
        return [await gateway.recommender.recommend(Request(url)) for url in urls]
    finally:
        await gateway.close()


def _shown(answer: Answer) -> dict[str, float]:
    return {page.url: page.score or 0.0 for page in answer.recommendations}
