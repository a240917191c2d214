"""The step that trains the stage 1 ranker."""

from __future__ import annotations

from cascade.types import Candidates, Query
from pipeline import leak
from pipeline.events import label_events
from pipeline.ranking import collect_examples, fit_ranker, half_of
from pipeline.snapshot import snapshot
from pipeline.work import Work
from ranking.examples import GroupWriter, LoggedPages
from ranking.features import STAGE1
from ranking.lightgbm import train as lightgbm


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
            part = [event for event in events if half_of(event.page) == half]
            collect_examples(past, part, STAGE1, all_of, writer, f"stage 1 examples {half + 1}/2")
    groups = [writer.groups() for writer in halves]
    for half in (0, 1):
        fit_ranker(work, groups[1 - half] or groups[half], STAGE1, work.config.stage1, f"without{half}.txt")
    return fit_ranker(work, lightgbm.joined(groups), STAGE1, work.config.stage1, "model.txt")
