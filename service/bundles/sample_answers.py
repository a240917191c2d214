"""Samples a bundle's answers to warm-up URLs, one at a time, so that live requests wait for at most one."""

from __future__ import annotations

from collections.abc import Iterable

from cascade.deadline import Deadline
from cascade.trace import Trace
from cascade.types import Query
from corpus.urls.url import InvalidURL
from service.answers.request import DEFAULT_K
from service.answers.selection import recommendations, select
from service.answers.stored_lists import StoredLists
from service.bundles.check_messages import Sample, Sampled, Shown
from service.live_bundle import LoadedBundle

_STORED = StoredLists()
_UNKNOWN_PAGE = "https://unknown-page.invalid/"  # its text is embedded by the query tower, which known pages skip


async def take(bundle: LoadedBundle, urls: Iterable[str], budget_s: float) -> Sample:
    """Return the bundle's answer for every valid URL; a stored one is shown, and computed all the same."""
    return {url: await _sample(bundle, url, budget_s, "") for url in urls if _is_valid(url, bundle)}


async def take_unknown(bundle: LoadedBundle, title: str, budget_s: float) -> Sampled:
    """Return the bundle's answer for an unknown page with a title."""
    return await _sample(bundle, _UNKNOWN_PAGE, budget_s, title)


async def _sample(bundle: LoadedBundle, url: str, budget_s: float, title: str) -> Sampled:
    trace = Trace()
    query = Query(*bundle.addresses.locate(url), title=title)
    chosen = recommendations(await bundle.cascade.run(query, DEFAULT_K, Deadline.after(budget_s), trace))
    if (stored := await _STORED.get(bundle, query)) is not None:  # it is what readers would see
        chosen = select(bundle, query, DEFAULT_K, stored, Trace()).pages
    pages = [Shown(page.url, page.score, page.quality) for page in chosen]
    return Sampled(shown=pages, degraded=trace.degraded)


def _is_valid(url: str, bundle: LoadedBundle) -> bool:
    try:
        bundle.addresses.page(url)
    except InvalidURL:
        return False
    return True
