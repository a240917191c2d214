"""What quality costs in clicks: sweeps blends over the scores of one cascade run per page (figure 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from cascade.deadline import Deadline
from cascade.executor import Cascade
from cascade.trace import Trace
from cascade.types import Candidates, Query
from corpus.schema import InputError
from evaluation.answer_quality import CTR, FILTERED, MIN_RANDOM_IMPRESSIONS, RECO, AnswerQuality, Lists
from evaluation.blends import SWEPT, Strategy
from evaluation.held_out import HeldOut
from evaluation.metrics.bootstrap import Interval
from evaluation.metrics.ndcg import RECALL_AT, TOP
from ranking.blend import Blend

#: The largest share of clicks that a λ may cost compared with λ = 0.
BOUND = 0.005
#: With fewer, no difference in RecoDCG can be detected.
MIN_JUDGED_PAGES = 100
SERVED = "linear"


@dataclass(frozen=True, slots=True)
class Point:
    """One setting of one strategy, and the figures of its answers."""

    strategy: str
    parameter: float  # λ, or the threshold of `piecewise`
    reco_dcg: Interval
    clicks: Interval  # quality-filtered ClickNDCG@5
    ctr: Interval  # expected; NaN unless the web is simulated
    gain: Interval  # of RecoDCG@5 against λ = 0, paired by page
    change: Interval  # of filtered ClickNDCG@5 against λ = 0, paired by page

    def as_dict(self) -> dict[str, object]:
        """Return the point as plain JSON values."""
        intervals = {name: getattr(self, name).as_dict() for name in ("reco_dcg", "clicks", "ctr", "gain", "change")}
        return {**asdict(self), **intervals}


#: Strategy -> its scoring function, and the parameters to sweep.
Swept = Mapping[str, tuple[Strategy, tuple[float, ...]]]


@dataclass(frozen=True, slots=True)
class BlendedRankings:
    """One run of the cascade, and for each point its full ranking and its answer of five pages."""

    trace: Trace
    rankings: Lists
    answers: Lists


async def sweep(
    cascade: Cascade, blend: Blend, held_out: HeldOut, quality: AnswerQuality, progress: Callable[[int], None]
) -> list[Point]:
    """Return every point of every strategy's curve. Raises InputError when no impression is left to measure clicks.

    `cascade` runs once per page; its last stage is then repeated for each point.
    """
    for done, page in enumerate(held_out.pages, 1):
        blended = await blend_rankings(cascade, blend, page)
        quality.add(page, blended.answers, blended.rankings, held_out.impressions.get(page, ()))
        progress(done)
    if not held_out.pages:
        raise InputError("too few held-out pages to choose λ on some and report on others: give a longer log")
    figures = quality.figures((RECO, FILTERED, CTR))
    found = points(lambda name, metric: figures[name][metric], quality.against)
    _check(found[0])
    return found


async def blend_rankings(cascade: Cascade, blend: Blend, page: int, swept: Swept = SWEPT) -> BlendedRankings:
    """Run the cascade for a page, then repeat its last stage for every point; keys are made by `point_name`."""
    query = Query(url="https://known.invalid/", page=page, quality_weight=0.0)
    trace = Trace(explain=True)
    await cascade.run(query, RECALL_AT, Deadline.never(), trace)
    scored = trace.stages.get("stage2", Candidates.empty())
    ranked = {point_name(*point): candidates for point, candidates in _blended(blend, scored, swept)}
    answers = {name: cascade.select(query, rows, TOP, Trace()).pages for name, rows in ranked.items()}
    return BlendedRankings(trace, {name: rows.pages for name, rows in ranked.items()}, answers)


def point_name(strategy: str, number: float) -> str:
    """Return the name of a point's ranking."""
    return f"{strategy} {number:g}"


def choose(points: Sequence[Point], bound: float = BOUND) -> Point:
    """Return the λ to serve: the highest RecoDCG@5 among those that are significantly better than λ = 0.

    At the low ends of their intervals, RecoDCG@5 must have grown, and clicks (filtered ClickNDCG@5) must have fallen
    by at most `bound` of those at λ = 0. If no λ qualifies, λ = 0 is kept; among equal ones the smallest is chosen.
    This is the rule of section 4.8 with an explicit tolerance, in terms of what a site can observe.
    """
    curve = sorted((p for p in points if p.strategy == SERVED), key=lambda p: p.parameter)
    least = -bound * curve[0].clicks.mean
    qualified = [p for p in curve[1:] if p.gain.low > 0 and p.change.low >= least]
    return max(qualified, key=lambda p: p.reco_dcg.mean, default=curve[0])


def rule(bound: float) -> str:
    """Return a description of the rule that `choose` applies."""
    return (
        "the highest RecoDCG@5 among the λ of the linear blend that, with 95 % confidence, gain RecoDCG@5 over λ = 0"
        f" and cost at most {bound:.1%} of its quality-filtered ClickNDCG@5"
    )


def too_few(kept_impressions: int, judged_pages: int) -> str:
    """Return why there is too little data to choose λ; '' if there is enough."""
    missing = [
        f"{has:,} {what} ({least:,} are needed)"
        for has, least, what in (
            (kept_impressions, MIN_RANDOM_IMPRESSIONS, "impressions with a satisfied click on a good page"),
            (judged_pages, MIN_JUDGED_PAGES, "pages with a judged answer"),
        )
        if has < least
    ]
    return f"λ is based on only {' and '.join(missing)}: collect more before you serve it" if missing else ""


def _blended(blend: Blend, scored: Candidates, swept: Swept) -> Iterator[tuple[tuple[str, float], Candidates]]:
    for strategy, (score, numbers) in swept.items():
        for number in numbers:
            if len(scored) == 0:
                yield (strategy, number), scored
            else:
                blended = score(blend, scored, number)
                order = np.argsort(-blended, kind="stable")
                yield (strategy, number), scored.with_columns({"score": blended}).take(order)


def points(
    interval_of: Callable[[str, str], Interval], against: Callable[[str, str, str], Interval], swept: Swept = SWEPT
) -> list[Point]:
    """Return the points; `interval_of(ranking, metric)`, `against(treatment, control, metric)` give the figures."""
    alone = point_name(SERVED, 0)
    return [
        Point(
            strategy,
            number,
            *(interval_of(point_name(strategy, number), metric) for metric in (RECO, FILTERED, CTR)),
            *(against(point_name(strategy, number), alone, metric) for metric in (RECO, FILTERED)),
        )
        for strategy, (_, numbers) in swept.items()
        for number in numbers
    ]


def _check(point: Point) -> None:
    if np.isnan(point.clicks.mean):
        raise InputError(
            "no held-out impression has a satisfied click on a page of known quality above 1: give --impressions"
            " from after the bundle's end, or a --truth that contains their pairs"
        )
    if np.isnan(point.reco_dcg.mean):
        raise InputError(
            "--truth contains no pair that was answered: judge the answers, or give a simulated web's truth"
        )
