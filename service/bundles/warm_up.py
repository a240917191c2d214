"""Warms a bundle up before readers ask: whoever comes first would otherwise wait for files, models and threads."""

from __future__ import annotations

import asyncio

from service.bundles.check_messages import Sample
from service.bundles.sample_answers import take, take_unknown
from service.live_bundle import LoadedBundle

_AT_ONCE = 2  # pages: as many as a part has threads, so that each thread has run


async def warm_up(bundle: LoadedBundle, budget_s: float) -> Sample:
    """Compute the answers to the bundle's warm-up URLs, and return them.

    The first ones, and the answer for a page that is not in the tables, run cold. Their times are forgotten: an answer
    leaves out what is expected to take too long, and a cold run takes many times what later ones do.
    """
    if not bundle.warmup:
        return {}
    cold, warm = bundle.warmup[:_AT_ONCE], bundle.warmup[_AT_ONCE:]
    parts = await asyncio.gather(*(take(bundle, [url], budget_s) for url in cold))
    await take_unknown(bundle, "how to find what to read next", budget_s)
    bundle.cascade.forget_times()
    return {url: answer for part in (*parts, await take(bundle, warm, budget_s)) for url, answer in part.items()}
