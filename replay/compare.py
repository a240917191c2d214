"""Compares the answers of two sides, weighing each page by how often it was asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics.bootstrap import Interval, interval
from replay.asking import Reply, Side
from replay.measures import overlap, rank_biased_overlap, rank_correlation
from service.bundles.compare_answers import Drift, between

TOP = 5


@dataclass(frozen=True, slots=True)
class Summary:
    """One side alone. Shares are of requests; times are of the pages asked, each once."""

    name: str
    quality: float  # mean of the pages shown, 0 to 4
    degraded: float
    empty: float
    errors: float
    ms: Mapping[str, float]  # p50, p95, p99
    reasons: Mapping[str, float]  # degraded flag -> share


@dataclass(frozen=True, slots=True)
class Change:
    """One page whose answers differ."""

    url1: str
    asked: int
    left: Reply
    right: Reply
    alike: float  # rank-biased overlap


@dataclass(frozen=True, slots=True)
class Comparison:
    """How much the second side's answers differ from the first's, over pages that both answered."""

    left: Summary
    right: Summary
    pages: int
    requests: int
    same: float  # share of requests with the same pages in the same order
    measures: Mapping[str, Interval]
    drift: Drift | None
    overlaps: NDArray[np.float64]  # of every page
    changes: list[Change] = field(default_factory=list)  # the largest first


def compare(left: Side, right: Side, asked: Counter[str], most_changes: int = 50) -> Comparison:
    """Return the comparison; each page counts as often as it was asked for."""
    both = [url for url in left.replies if not (left.replies[url].error or right.replies[url].error)]
    weights = np.array([asked[url] for url in both], np.int64)
    lists = [(_urls(left.replies[url]), _urls(right.replies[url])) for url in both]
    found = {
        f"overlap@{TOP}": np.array([overlap(*pair, TOP) for pair in lists]),
        "rank-biased overlap": np.array([rank_biased_overlap(*pair) for pair in lists]),
        "Kendall's τ of common pages": np.array([rank_correlation(*pair) for pair in lists]),
    }
    alike = found["rank-biased overlap"]
    order = sorted(range(len(both)), key=lambda place: (alike[place], -weights[place]))
    differing = [place for place in order if lists[place][0] != lists[place][1]]
    changes = [
        Change(
            both[place], int(weights[place]), left.replies[both[place]], right.replies[both[place]], float(alike[place])
        )
        for place in differing[:most_changes]
    ]
    same = weights.sum() - weights[differing].sum()
    return Comparison(
        summary(left, asked),
        summary(right, asked),
        len(both),
        int(weights.sum()),
        _share(float(same), float(weights.sum())),
        {name: _weighted(values, weights) for name, values in found.items()},
        between(*({url: side.replies[url].answer for url in both} for side in (left, right))),
        found[f"overlap@{TOP}"],
        changes,
    )


def summary(side: Side, asked: Counter[str]) -> Summary:
    """Return the figures of one side."""
    replies = [(reply, asked[url]) for url, reply in side.replies.items()]
    total = sum(count for _, count in replies)
    reasons: Counter[str] = Counter()
    for reply, count in replies:
        reasons.update(dict.fromkeys(reply.answer.degraded, count))
    quality = [
        (page.quality, count) for reply, count in replies for page in reply.answer.shown if page.quality is not None
    ]
    ms = np.array([reply.ms for reply, _ in replies if not reply.error] or [np.nan])
    return Summary(
        side.name,
        _mean(quality),
        _share(sum(count for reply, count in replies if reply.answer.degraded), total),
        _share(sum(count for reply, count in replies if not (reply.answer.shown or reply.error)), total),
        _share(sum(count for reply, count in replies if reply.error), total),
        {f"p{q}": float(np.percentile(ms, q)) for q in (50, 95, 99)},
        {reason: count / total for reason, count in reasons.most_common()},
    )


def _urls(reply: Reply) -> list[str]:
    return [page.url for page in reply.answer.shown]


def _weighted(values: NDArray[np.float64], weights: NDArray[np.int64]) -> Interval:
    """Return the mean over requests and its interval, resampling pages."""
    pages = np.arange(len(values))
    shown = np.minimum(weights, 1_000)  # a page's weight in the bootstrap: one page must not fill the memory
    return interval(np.repeat(values, shown), np.repeat(pages, shown))


def _mean(weighted: Iterable[tuple[float, int]]) -> float:
    pairs = list(weighted)
    total = sum(count for _, count in pairs)
    return sum(value * count for value, count in pairs) / total if total else float("nan")


def _share(part: float, total: float) -> float:
    return part / total if total else float("nan")
