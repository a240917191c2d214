"""Stored answers scored by the student and by the teachers: the same bundle, the same pages, the same candidates.

The bundle is one of a measured build with `answers.model = "teacher"`. For each held-out page both cascades rank what
recall found; NDCG@5 is of the pages that readers visited next, RecoDCG@5 of a simulated web's truth. Differences are
paired by page, with 95 % bootstrap intervals.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cascade.deadline import Deadline
from cascade.executor import Cascade
from cascade.trace import Trace
from cascade.types import Candidates, Query
from cli.many_pages import side_by_side
from configs import threads
from evaluation.answer_quality import RECO, AnswerQuality, ClickRules
from evaluation.held_out import HeldOut
from evaluation.held_out_log import open_log
from evaluation.metrics.bootstrap import Interval, difference
from evaluation.metrics.ndcg import RECALL_AT, TOP, discounts, ranks
from evaluation.truth import Truth
from ranking.blend import Blend
from ranking.stored_answers import STUDENT, TEACHER, TEACHERS
from ranking.teachers.pairs import TeacherHeads, scored_by
from service.offline import over_pages
from service.settings import read_settings
from store.bundle import Bundle, open_bundle
from store.tables import LmdbTable

HEADS = ("click", "quality")


@dataclass(slots=True)
class Measured:
    """What each ranking reached: NDCG@5 of every step, and the quality of its answers if a truth is known."""

    quality: AnswerQuality | None
    page: list[int] = field(default_factory=list)  # of each step
    ndcg: dict[str, list[NDArray[np.float64]]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def line(self, ranking: str) -> str:
        """Return a ranking by the teachers beside the student's."""
        ours, theirs = (np.concatenate(self.ndcg[f"{model} {ranking}"]) for model in (TEACHER, STUDENT))
        pages = np.array(self.page, np.uint64)
        change = difference(ours, theirs, pages)
        told = f"{ranking}: NDCG@5 {theirs.mean():.4f} -> {ours.mean():.4f}, {_told(change, 4)}"
        if self.quality is None:
            return told
        figures = self.quality.figures((RECO,))
        reco = [figures[f"{model} {ranking}"][RECO].mean for model in (STUDENT, TEACHER)]
        change = self.quality.against(f"{TEACHER} {ranking}", f"{STUDENT} {ranking}", RECO)
        return f"{told}; RecoDCG@5 {reco[0]:.2f} -> {reco[1]:.2f}, {_told(change, 2)}"


def _told(change: Interval, places: int) -> str:
    return f"{change.mean:+.{places}f} [{change.low:+.{places}f}, {change.high:+.{places}f}]"


async def measure(
    models: Mapping[str, Cascade], held_out: HeldOut, weights: list[float], truth: Truth | None,
    progress: Callable[[int], None],
) -> Measured:  # fmt: skip
    """Rank the candidates of every held-out page by each model."""
    rules = ClickRules.of(held_out)
    found = Measured(None if truth is None else AnswerQuality(truth, rules, frozenset(held_out.pages)))
    student = models[STUDENT]
    for done, page in enumerate(held_out.pages, 1):
        query = student.dated(Query("https://known.invalid/", page))
        query, candidates = await student.candidates(query, Deadline.never(), Trace())
        wanted = held_out.steps.get(page, np.empty(0, np.uint64))
        lists: dict[str, NDArray[np.uint64]] = {}
        answers: dict[str, NDArray[np.uint64]] = {}
        for model, cascade in models.items():
            begun = time.perf_counter()
            ranked = await cascade.rank(query, candidates, Deadline.never(), Trace())
            found.seconds[model] = found.seconds.get(model, 0.0) + time.perf_counter() - begun
            for weight in weights:
                weighed, name = replace(query, quality_weight=weight), f"{model} λ={weight:g}"
                lists[name], answers[name] = (
                    cascade.choose(weighed, ranked, k, Trace()).pages for k in (RECALL_AT, TOP)
                )
            for head in HEADS:
                lists[f"{model} {head}"] = by_head = _by(ranked, head)
                answers[f"{model} {head}"] = by_head[:TOP]
        found.page += [page] * len(wanted)
        for name, listed in lists.items():
            found.ndcg.setdefault(name, []).append(discounts(ranks(listed, wanted)))
        if found.quality is not None:
            found.quality.add(page, answers, lists, ())
        progress(done)
    return found


def _by(ranked: Candidates, head: str) -> NDArray[np.uint64]:
    """Return the pages in the order of one head alone."""
    if head not in ranked.columns:
        return ranked.pages
    return ranked.pages[np.argsort(-ranked[head], kind="stable")]


def _measured(bundles: Path, bundle: Bundle, held_out: HeldOut, truth: Truth | None, weights: list[float]) -> Measured:
    pages = LmdbTable(bundle.file("tables/pages.lmdb"))
    with ThreadPoolExecutor(1) as native:
        heads = TeacherHeads(bundle.path / TEACHERS, pages, native, threads=1)

        async def both(cascade: Cascade, progress: Callable[[int], None]) -> Measured:
            return await measure(
                {STUDENT: cascade, TEACHER: scored_by(heads, cascade)}, held_out, weights, truth, progress
            )

        settings = read_settings(None, [*side_by_side(), "cache.pairs=0"], {})
        try:
            return over_pages("both models", bundles, bundle, settings, len(held_out.pages), both)
        finally:
            pages.close()


def main() -> None:
    """Print both models' figures, per λ and per head."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", type=Path)
    parser.add_argument("clicks", type=Path, help="a clicks table with later sessions")
    parser.add_argument("--until", type=datetime.fromisoformat)
    parser.add_argument("--truth", type=Path, help="a simulated web's web.parquet")
    parser.add_argument("--most-pages", type=int)
    options = parser.parse_args()
    threads.use(1)
    bundle = open_bundle(options.bundles)
    until = options.until and options.until.replace(tzinfo=UTC)
    held_out, truth = open_log(bundle, options.clicks, None, None, until, options.most_pages, options.truth)
    weights = list(dict.fromkeys((0.0, Blend.load(bundle.file("blend.json")).quality_weight, 0.32)))
    found = _measured(options.bundles, bundle, held_out, truth, weights)
    count = len(held_out.pages)
    told = ", ".join(f"{model} {1e3 * seconds / count:.0f} ms" for model, seconds in found.seconds.items())
    print(f"{count} pages, {len(found.page)} steps; ranking a page on one thread: {told}")
    for ranking in (*(f"λ={weight:g}" for weight in weights), *HEADS):
        print(found.line(ranking))


if __name__ == "__main__":
    main()
