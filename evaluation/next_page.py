"""Measures the whole cascade on held-out sessions, stage by stage, next to simple baselines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cascade.deadline import Deadline
from cascade.executor import Cascade
from cascade.trace import Trace
from cascade.types import Candidates, Query
from evaluation.answer_quality import AnswerQuality
from evaluation.contributions import Contributions, without_each
from evaluation.held_out import HeldOut, Impression
from evaluation.metrics.ndcg import RECALL_AT, TOP, NextPage, click_ndcg, next_page, ranks

#: Name of a ranking -> its pages for one query, best first.
Lists = dict[str, NDArray[np.uint64]]


@dataclass(slots=True)
class NextPageMetrics:
    """Ranks and gains of each ranking over the pages so far; `unclicked` are the pages without clicks in the log."""

    unclicked: NDArray[np.uint64]
    new: list[NDArray[np.bool_]] = field(default_factory=list)  # whether a wanted page is one of them
    ranks: dict[str, list[NDArray[np.int64]]] = field(default_factory=dict)
    click_ndcg: dict[str, list[float]] = field(default_factory=dict)

    def add(self, lists: Lists, wanted: NDArray[np.uint64], impressions: Sequence[Impression]) -> None:
        """Add one page's lists, cut to the length of an answer so that longer lists have no advantage."""
        self.new.append(np.isin(wanted, self.unclicked))
        for name, listed in lists.items():
            best = listed[:RECALL_AT]
            self.ranks.setdefault(name, []).append(ranks(best, wanted))
            gains = self.click_ndcg.setdefault(name, [])
            gains += [click_ndcg(ranks(best, shown.shown), shown.clicked) for shown in impressions]

    def metrics(self) -> dict[str, NextPage]:
        """Return the metrics of every ranking over all pairs and impressions."""
        return {name: next_page(np.concatenate(parts), self.click_ndcg[name]) for name, parts in self.ranks.items()}

    def of_new_pages(self) -> dict[str, NextPage]:
        """Return the metrics of every ranking over the pairs whose wanted page has no clicks in the bundle's log."""
        if not self.new:
            return {}
        new = np.concatenate(self.new)
        return {name: next_page(np.concatenate(parts)[new], ()) for name, parts in self.ranks.items()}


async def measure(
    cascade: Cascade,
    held_out: HeldOut,
    weights: Sequence[float],
    popular: NDArray[np.uint64],
    unclicked: NDArray[np.uint64],
    progress: Callable[[int], None],
    quality: AnswerQuality | None = None,
    contributions: Contributions | None = None,
) -> NextPageMetrics:
    """Return the metrics of popularity, transition counts, each recall path, stage 1, and the answer for each λ.

    Every ranking, and the five pages that it would answer, are also added to `quality`. With `contributions`, the
    answer for the last λ is counted by path, and repeated without each path in turn: five times the work.
    """
    measured = NextPageMetrics(unclicked)
    others = list(without_each(cascade)) if contributions is not None else []
    for done, page in enumerate(held_out.pages, 1):
        query = Query(url="https://known.invalid/", page=page, quality_weight=0.0)
        trace = Trace(explain=True)
        await cascade.run(query, RECALL_AT, Deadline.never(), trace)
        lists = _baselines(page, trace, popular) | _stages(trace)
        answers: Lists = {}
        for weight in weights:
            weighted = replace(query, quality_weight=weight)
            lists[f"answer λ={weight:g}"] = _answer(cascade, weighted, trace, RECALL_AT)
            answers[f"answer λ={weight:g}"] = _answer(cascade, weighted, trace, TOP)  # the host cap is per five pages
        if contributions is not None and "stage2" in trace.stages:
            contributions.add(trace.stages["stage2"], answers[f"answer λ={weights[-1]:g}"])
        for path, other in others:
            without = Trace(explain=True)
            await other.run(query, RECALL_AT, Deadline.never(), without)
            weighted = replace(query, quality_weight=weights[-1])
            lists[f"without {path}"] = _answer(other, weighted, without, RECALL_AT)
            answers[f"without {path}"] = _answer(other, weighted, without, TOP)
        impressions = held_out.impressions.get(page, ())
        measured.add(lists, held_out.steps.get(page, np.empty(0, np.uint64)), impressions)
        if quality is not None:
            quality.add(page, {name: listed[:TOP] for name, listed in lists.items()} | answers, lists, impressions)
        progress(done)
    return measured


def _baselines(page: int, trace: Trace, popular: NDArray[np.uint64]) -> Lists:
    """Return the popular pages, and the page's transitions and co-visits by count, filled up with popular pages."""
    popular = popular[popular != np.uint64(page)]
    coclick = trace.recalled.get("coclick", Candidates.empty())
    lists = {"popularity": popular}
    for name, column in (("transitions", "next_all"), ("co-visits", "together_all")):
        counted = np.empty(0, np.uint64)
        if len(coclick):
            counts = coclick[column]
            order = np.argsort(-counts, kind="stable")
            counted = coclick.pages[order[counts[order] > 0]]
        lists[name] = np.concatenate([counted, popular[~np.isin(popular, counted)]])
    return lists


def _stages(trace: Trace) -> Lists:
    lists = {f"recall {name}": found.pages for name, found in trace.recalled.items()}
    if "stage1" in trace.stages:
        lists["stage 1"] = trace.stages["stage1"].pages
    return lists


def _answer(cascade: Cascade, query: Query, trace: Trace, k: int) -> NDArray[np.uint64]:
    """Return k pages for the query's λ, from the scores in the trace: only the last stage is repeated."""
    scored = trace.stages.get("stage2", Candidates.empty())
    if len(scored) == 0:
        return np.empty(0, np.uint64)
    score = cascade.stages[-1].scorer.score(cascade.dated(query), scored)
    ranked = scored.with_columns({"score": score}).take(np.argsort(-score, kind="stable"))
    return cascade.select(query, ranked, k, Trace()).pages
