"""Stored answers beside computed ones: how fast they are made, and whether they are the same."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from configs import threads
from pipeline.answers.makers import open_makers
from service.answers.answer import Answer
from service.answers.request import Request
from service.bootstrap import load
from service.settings import read_settings
from store.addresses import open_addresses
from store.bundle import open_bundle

_CORES = 2
_WARM = 128  # pages that start the processes and warm them
_NEAR = 0.02  # a standard deviation is 1


def pages_per_second(bundles: Path, urls: Sequence[str]) -> float:
    """Make the answers of some pages as the build does, without the start of its processes."""
    bundle = open_bundle(bundles)
    addresses = open_addresses(bundle)
    pages = [addresses.page(url) for url in urls]
    addresses.close()
    threads.use(_CORES)
    tokens = bundle.manifest.config["text"]["tokens_per_page"]
    with open_makers(bundle.path, tokens, len(pages)) as make:
        list(make(pages[:_WARM]))
        begun = time.perf_counter()
        made = list(make(pages[_WARM:]))
        return sum(one.row is not None for one in made) / (time.perf_counter() - begun)


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
