"""Steps that train the LightGBM rankers and the blend."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict

import numpy as np

from cascade.types import Candidates, Query
from pipeline import leak
from pipeline.events import label_events
from pipeline.snapshot import Snapshot, query_of, snapshot
from pipeline.step import Work, progress
from pipeline.student import EXPORTED
from ranking import blend
from ranking.cross_encoder.pairs import open_pair_model
from ranking.cross_encoder.score import CrossEncoderHeads
from ranking.examples import Event, GroupWriter, LoggedPages, collect
from ranking.features import STAGE1, STAGE2, STAGE2_START
from ranking.lightgbm import train as lightgbm
from ranking.lightgbm.score import LightGbmScorer

STAGE1_KEPT = 30


def stage1(work: Work) -> dict[str, object]:
    """Train the stage 1 ranker on the label window, with features from before it.

    Beside the served model, each half of the pages gets one that did not learn from it: stage 2 reads
    stage 1's score as a feature, and must learn from scores as honest as those that serving gives it.
    """
    events = label_events(work, work.config.examples.groups)
    leak.check(work, events)

    async def all_of(query: Query, candidates: Candidates) -> Candidates:
        return candidates

    halves = [GroupWriter(work.config.examples.negatives, work.config.seed + half) for half in (0, 1)]
    with snapshot(work, (LoggedPages(events),)) as past:
        for half, writer in enumerate(halves):
            part = [event for event in events if _half(event.page) == half]
            _collect(past, part, STAGE1, all_of, writer, f"stage 1 examples {half + 1}/2")
    groups = [writer.groups() for writer in halves]
    for half in (0, 1):
        _fit(work, groups[1 - half] or groups[half], STAGE1, work.config.stage1, f"without{half}.txt")
    return _fit(work, lightgbm.joined(groups), STAGE1, work.config.stage1, "model.txt")


def stage2(work: Work) -> dict[str, object]:
    """Train the stage 2 ranker on what stage 1 lets through, with both heads as features.

    A fifth of the pages is kept out; over their candidates the blend takes its μ and σ.
    """
    pages = _sampled_pages(work)
    held_out = set(pages[: max(1, len(pages) // 5)])
    wanted = set(pages)
    events = [event for event in label_events(work, None) if event.page in wanted]
    leak.check(work, events)
    writers = {kept: GroupWriter(work.config.examples.negatives, work.config.seed) for kept in (True, False)}
    with snapshot(work) as past:
        narrow = _narrow(work, past)
        for kept, writer in writers.items():
            part = [event for event in events if (event.page not in held_out) == kept]
            _collect(past, part, STAGE2, narrow, writer, "stage 2 examples" if kept else "held-out pages")
    held = writers[False].groups()
    figures = _fit(work, writers[True].groups(), STAGE2, work.config.stage2, "model.txt", STAGE2_START, held)
    held = held or writers[True].groups()
    assert held is not None  # noqa: S101 - _fit has refused it
    np.save(work.directory / "held_out.npy", held.features)
    return figures


def fit_blend(work: Work) -> dict[str, object]:
    """Take μ and σ of both scores over the candidates of pages that stage 2 did not learn from."""
    features = np.load(work.of("stage2") / "held_out.npy")
    ranker = LightGbmScorer("stage2", work.of("stage2") / "model.txt", STAGE2, STAGE2_START)
    fitted = blend.fit(ranker.predict(features), features[:, STAGE2.index("quality")], work.config.quality_weight)
    fitted.save(work.directory / "blend.json")
    return asdict(fitted)


def _sampled_pages(work: Work) -> list[int]:
    """Return pages drawn as traffic draws them, each once."""
    events = label_events(work, None)
    order = np.random.default_rng(work.config.seed).permutation(len(events))
    return list(dict.fromkeys(events[i].page for i in order))[: work.config.examples.stage2_pages]


def _collect(
    past: Snapshot,
    events: list[Event],
    names: tuple[str, ...],
    narrow: Callable[[Query, Candidates], Awaitable[Candidates]],
    writer: GroupWriter,
    title: str,
) -> None:
    with progress(title, len({event.page for event in events})) as advance:
        asyncio.run(collect(past.candidates, events, names, writer, narrow, query_of, advance))


def _narrow(work: Work, past: Snapshot) -> Callable[[Query, Candidates], Awaitable[Candidates]]:
    """Return what leaves stage 1's top candidates, in order of PageId, with its score and both heads' scores."""
    rankers = [LightGbmScorer("stage1", work.of("stage1") / f"without{half}.txt", STAGE1) for half in (0, 1)]
    model = open_pair_model(work.of("student") / EXPORTED, past.tokenizer.cls, past.tokenizer.sep)
    heads = CrossEncoderHeads(model, past.native)

    async def narrow(query: Query, candidates: Candidates) -> Candidates:
        score = rankers[_half(query.page)].score(query, candidates)
        best = np.sort(np.argsort(-score, kind="stable")[:STAGE1_KEPT])
        return await heads.hydrate(query, candidates.with_columns({"stage1": score}).take(best))

    return narrow


def _half(page: int) -> int:
    return page & 1  # a PageId is a hash: its last bit is a fair coin


def _fit(
    work: Work,
    groups: lightgbm.Groups | None,
    names: tuple[str, ...],
    config: lightgbm.LightGbmConfig,
    file: str,
    start: str | None = None,
    held_out: lightgbm.Groups | None = None,
) -> dict[str, object]:
    if groups is None:
        raise ValueError("no example holds both a page to prefer and one to pass over: is the log longer than a day?")
    with progress("training", config.trees) as advance:
        path, seed = work.directory / file, work.config.seed
        trees = lightgbm.train(groups, names, config, seed, path, advance, start, held_out)
    rows = {"groups": len(groups.size), "rows": len(groups.gain)}
    return {**rows, "positions": groups.position is not None, "trees": trees}
