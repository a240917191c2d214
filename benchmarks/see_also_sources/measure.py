"""Measures a bundle's answers, and simple orders beside them, against the links of authors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.see_also_sources.baselines import Lists
from benchmarks.see_also_sources.site import Site
from cascade.deadline import Deadline
from cascade.executor import Cascade
from cascade.trace import Trace
from cascade.types import Query
from corpus.urls.url import page_id
from evaluation.metrics.ndcg import RECALL_AT, TOP, discounts, ranks
from ranking.blend import Blend
from service.offline import over_pages
from service.settings import Settings
from store.bundle import open_bundle

Figures = dict[str, dict[str, float]]
Truth = Mapping[int, NDArray[np.uint64]]


def truth_by_page(site: Site) -> Truth:
    """Return the authors' links as PageIds."""
    return {page_id(url): np.array([page_id(other) for other in links], np.uint64) for url, links in site.truth.items()}


def halves(truth: Truth) -> dict[str, Truth]:
    """Return the truth of two halves of its pages, by their ids, which are hashes."""
    return {
        name: {page: links for page, links in truth.items() if (page >> 1) % 2 == half}
        for half, name in enumerate(("tune", "report"))
    }


def measure(
    bundles: Path, parts: Mapping[str, Truth], baselines: Mapping[str, Lists], settings: Settings
) -> dict[str, Figures]:
    """Return the figures of every ranking on each part of the truth.

    `answers` are the served five pages: `short` is the share of pages that get fewer, `unflagged` of those without a
    degraded flag.
    """
    opened = open_bundle(bundles)
    served = Blend.load(opened.file("blend.json")).quality_weight
    pages = [page for truth in parts.values() for page in truth]
    lists: dict[str, Lists] = {name: dict(found) for name, found in baselines.items()}
    short: dict[int, tuple[bool, bool]] = {}

    async def work(cascade: Cascade, progress: Callable[[int], None]) -> None:
        for done, page in enumerate(pages, 1):
            query = Query(url="https://known.invalid/", page=page)
            trace = Trace(explain=True)
            ranked = await cascade.ranked(query, Deadline.never(), trace)
            for name, found in trace.recalled.items():
                lists.setdefault(f"recall {name}", {})[page] = found.pages
            if "stage1" in trace.stages:
                lists.setdefault("stage 1", {})[page] = trace.stages["stage1"].pages
            for name, weight in (("λ=0", 0.0), (f"served (λ={served:g})", None)):
                answer = cascade.choose(replace(query, quality_weight=weight), ranked, RECALL_AT, Trace())
                lists.setdefault(name, {})[page] = answer.pages
            five = cascade.choose(query, ranked, TOP, trace)
            short[page] = (len(five) < TOP, len(five) < TOP and not trace.degraded)
            progress(done)

    over_pages("see also", bundles, opened, settings, len(pages), work)
    return {name: _figures(truth, lists, short) for name, truth in parts.items()}


def _figures(truth: Truth, lists: Mapping[str, Lists], short: Mapping[int, tuple[bool, bool]]) -> Figures:
    figures = {name: _of(truth, found) for name, found in lists.items()}
    figures["answers"] = {
        "pages": len(truth),
        "short": sum(short[page][0] for page in truth),
        "unflagged": sum(short[page][1] for page in truth),
    }
    return figures


def _of(truth: Truth, lists: Lists) -> dict[str, float]:
    """Return recall@30 and NDCG@5 over all links, as `onward evaluate` counts, and NDCG@5 as a mean over pages."""
    none = np.empty(0, np.uint64)
    by_page = [ranks(lists.get(page, none)[:RECALL_AT], links) for page, links in truth.items()]
    place = np.concatenate(by_page)
    ideal = [discounts(np.arange(1, len(part) + 1)).sum() for part in by_page]
    pages = [discounts(part).sum() / best for part, best in zip(by_page, ideal, strict=True)]
    per_page = [(part > 0).mean() for part in by_page]
    return {
        "recall@30": round(float((place > 0).mean()), 4),
        "NDCG@5": round(float(discounts(place).mean()), 4),
        "recall@30 by page": round(float(np.mean(per_page)), 4),
        "NDCG@5 by page": round(float(np.mean(pages)), 4),
    }
