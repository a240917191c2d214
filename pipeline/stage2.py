"""The step that trains the stage 2 ranker."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import numpy as np

from cascade.types import Candidates, Query
from pipeline.events import label_events
from pipeline.ranking import collect_examples, fit_ranker, half_of
from pipeline.snapshot import Snapshot, snapshot
from pipeline.student_files import EXPORTED
from pipeline.work import Work
from ranking.cross_encoder.pairs import open_pair_model
from ranking.cross_encoder.score import CrossEncoderHeads
from ranking.examples import GroupWriter
from ranking.features import STAGE1, STAGE2, STAGE2_START
from ranking.lightgbm.score import LightGbmScorer

STAGE1_KEPT = 30
_KEPT_PAIRS = 1 << 20  # two scores a pair, which are the same on every day


def stage2(work: Work) -> dict[str, object]:
    """Train the stage 2 ranker on what stage 1 lets through, with both heads as features.

    A fifth of the pages is kept out; over their candidates the blend takes its μ and σ.
    """
    pages = _sampled_pages(work)
    held_out = set(pages[: max(1, len(pages) // 5)])
    wanted = set(pages)
    events = [event for event in label_events(work, None) if event.page in wanted]
    writers = {kept: GroupWriter(work.config.examples.negatives, work.config.seed) for kept in (True, False)}
    with snapshot(work) as past:
        narrow = _narrow(work, past)
        collect_examples(
            work, past, events, STAGE2, narrow, lambda page: writers[page not in held_out], "stage 2 examples"
        )
    held = writers[False].groups()
    figures = fit_ranker(work, writers[True].groups(), STAGE2, work.config.stage2, "model.txt", STAGE2_START, held)
    held = held or writers[True].groups()
    assert held is not None  # noqa: S101 - fit_ranker has refused it
    np.save(work.directory / "held_out.npy", held.features)
    return figures


def _sampled_pages(work: Work) -> list[int]:
    """Return pages drawn as traffic draws them, each once."""
    events = label_events(work, None)
    order = np.random.default_rng(work.config.seed).permutation(len(events))
    return list(dict.fromkeys(events[i].page for i in order))[: work.config.examples.stage2_pages]


def _narrow(work: Work, past: Snapshot) -> Callable[[Query, Candidates], Awaitable[Candidates]]:
    """Return what leaves stage 1's top candidates, in order of PageId, with its score and both heads' scores."""
    rankers = [LightGbmScorer("stage1", work.of("stage1") / f"without{half}.txt", STAGE1) for half in (0, 1)]
    model = open_pair_model(work.of("student") / EXPORTED, past.tokenizer.cls, past.tokenizer.sep)
    heads = CrossEncoderHeads(model, past.native, kept_pairs=_KEPT_PAIRS)

    async def narrow(query: Query, candidates: Candidates) -> Candidates:
        score = rankers[half_of(query.page)].score(query, candidates)
        best = np.sort(np.argsort(-score, kind="stable")[:STAGE1_KEPT])
        return await heads.hydrate(query, candidates.with_columns({"stage1": score}).take(best))

    return narrow
