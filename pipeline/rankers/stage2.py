"""The step that trains the stage 2 ranker."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import numpy as np

from cascade.types import Candidates, Query
from pipeline.cross_encoder.student_files import EXPORTED
from pipeline.log.events import STEPS, half_of, label_events
from pipeline.pages.page_ids import page_ids
from pipeline.rankers.event_source import for_stage2
from pipeline.rankers.held_out_lists import HELD_OUT, LEARNT, ListRecorder
from pipeline.rankers.peer import not_below_the_peer, peer_of
from pipeline.rankers.snapshot import Snapshot, snapshot
from pipeline.rankers.training import by_day, collect_examples, fit_ranker
from pipeline.recall_steps import PATHS
from pipeline.runner.step import Step
from pipeline.runner.work import Work
from ranking.copies import without_copies
from ranking.cross_encoder.pairs import open_pair_model
from ranking.cross_encoder.score import CrossEncoderHeads
from ranking.event import Event
from ranking.examples import GroupWriter
from ranking.features import STAGE1, STAGE2, STAGE2_START, matrix
from ranking.lightgbm.score import LightGbmScorer

_STAGE1_KEPT = 30
_MOST_EVENTS = 500_000  # of all pages, before pages are sampled: below 1 GB
_KEPT_PAIRS = 1 << 20  # two scores per pair, the same for every day

Narrow = Callable[[Query, Candidates], Awaitable[Candidates]]


def stage2(work: Work) -> dict[str, object]:
    """Train the stage 2 ranker on the candidates that stage 1 keeps, with both heads as features.

    A part of the pages is held out, all if there is nothing to learn from; the blend's μ, σ and λ come from all their
    candidates.
    """
    sources = for_stage2(work)
    choices = label_events(work, _MOST_EVENTS, sources)
    events = choices or _without_choices(work)
    pages = _sampled_pages(work, events)
    chosen, held_out = set(pages), set(pages[: _held_out(work, len(pages)) if choices else len(pages)])
    events = [event for event in events if event.page in chosen]
    negatives, every_page = work.config.examples.negatives, STEPS in sources
    writers = {kept: GroupWriter(negatives, work.config.seed, every_page) for kept in (True, False)}
    recorders = {kept: ListRecorder() for kept in (True, False)}
    with snapshot(work) as past:
        collect_examples(
            work,
            past,
            events,
            STAGE2,
            _recording(_narrow(work, past), lambda page: recorders[page not in held_out]),
            lambda page: writers[page not in held_out],
            "stage 2 examples",
        )
    days = [part for _, part in by_day(work, events)]
    learnt = bool(recorders[True]) and not recorders[False]  # μ and σ need scores of some pages
    recorders[learnt].save(work.directory / HELD_OUT, days, learnt)
    (ListRecorder() if learnt else recorders[True]).save_first(work.directory / LEARNT, days)
    held = writers[False].groups()
    figures = fit_ranker(work, writers[True].groups(), STAGE2, work.config.stage2, "model.txt", STAGE2_START, held)
    return figures | not_below_the_peer(work, [(held, "model.txt")], STAGE2, peer=peer_of(work))


STEP = Step(
    "stage2",
    stage2,
    after=("read", "counts", "order", "text", "pages", *PATHS, "labels", "stage1", "student", "page_states"),
    config=("examples", "stage2", "quality_weight_rule"),
)


def _without_choices(work: Work) -> list[Event]:
    """Return events without clicks for randomly drawn pages: the blend also needs scores of pages nobody visited."""
    pages, none = page_ids(work), np.empty(0, np.uint64)
    sampled = np.random.default_rng(work.config.seed).permutation(pages)[: work.config.examples.stage2_pages]
    return [Event(page, none, np.empty(0, np.float32), None) for page in sampled.tolist()]


def _sampled_pages(work: Work, events: list[Event]) -> list[int]:
    """Return pages sampled in proportion to traffic, each once."""
    order = np.random.default_rng(work.config.seed).permutation(len(events))
    most = work.config.examples.stage2_pages + work.config.quality_weight_rule.pages
    return list(dict.fromkeys(events[i].page for i in order))[:most]


def _held_out(work: Work, pages: int) -> int:
    """Return how many pages are held out: as the rule for λ needs, a third at most."""
    return max(1, min(work.config.quality_weight_rule.pages, pages // 3))


def _recording(narrow: Narrow, recorder_of: Callable[[int], ListRecorder]) -> Narrow:
    """Return `narrow`, recording the features of all candidates that it keeps, shown or not, as serving sees them."""

    async def recording(query: Query, candidates: Candidates) -> Candidates:
        kept_rows = await narrow(query, candidates)
        recorder_of(query.page).add(query, kept_rows, matrix(query, kept_rows, STAGE2))
        return kept_rows

    return recording


def _narrow(work: Work, past: Snapshot) -> Narrow:
    """Return a function that keeps stage 1's top candidates, in order of PageId, with its score and both heads'."""
    rankers = [LightGbmScorer.load("stage1", work.of("stage1") / f"without{half}.txt", STAGE1) for half in (0, 1)]
    model = open_pair_model(work.of("student") / EXPORTED, past.tokenizer.marks, stored=work.of("page_states"))
    heads = CrossEncoderHeads(model, past.native, kept_pairs=_KEPT_PAIRS)

    async def narrow(query: Query, candidates: Candidates) -> Candidates:
        score = rankers[half_of(query.page)].score(query, candidates)
        best = np.sort(without_copies(candidates, np.argsort(-score, kind="stable"), _STAGE1_KEPT))
        return await heads.hydrate(query, candidates.with_columns({"stage1": score}).take(best))

    return narrow
