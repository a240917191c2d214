"""What a bundle answers to warm-up URLs: taken one at a time, so that live requests wait for one at most."""

from __future__ import annotations

from collections.abc import Iterable

from cascade.deadline import Deadline
from cascade.trace import Trace
from cascade.types import Query
from corpus.urls.url import InvalidURL
from service.answers.request import DEFAULT_K
from service.answers.selection import recommendations
from service.bundles.verdict import Sample, Sampled, Shown
from service.live_bundle import LoadedBundle

STRANGER = "https://nobody-knows-this-page.invalid/"  # its words go through the query tower, which known pages pass by


async def take(bundle: LoadedBundle, urls: Iterable[str], budget_s: float) -> Sample:
    """Return the bundle's answer to every URL that can be read."""
    return {url: await _ask(bundle, url, budget_s, "") for url in urls if _readable(url, bundle)}


async def take_unknown(bundle: LoadedBundle, words: str, budget_s: float) -> Sampled:
    """Return the bundle's answer to a page that no table knows, with the words of one."""
    return await _ask(bundle, STRANGER, budget_s, words)


async def _ask(bundle: LoadedBundle, url: str, budget_s: float, words: str) -> Sampled:
    trace = Trace()
    query = Query(*bundle.addresses.locate(url), title=words)
    chosen = await bundle.cascade.run(query, DEFAULT_K, Deadline.after(budget_s), trace)
    pages = [Shown(page.url, page.score, page.quality) for page in recommendations(chosen)]
    return Sampled(shown=pages, degraded=trace.degraded)


def _readable(url: str, bundle: LoadedBundle) -> bool:
    try:
        bundle.addresses.page(url)
    except InvalidURL:
        return False
    return True
