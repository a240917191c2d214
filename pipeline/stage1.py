"""The step that trains the stage 1 ranker."""

from __future__ import annotations

from cascade.types import Candidates, Query
from pipeline.events import label_events
from pipeline.ranking import collect_examples, fit_ranker, half_of
from pipeline.snapshot import snapshot
from pipeline.work import Work
from ranking.examples import GroupWriter, LoggedPages
from ranking.features import STAGE1
from ranking.lightgbm import train as lightgbm


def stage1(work: Work) -> dict[str, object]:
    """Train the stage 1 ranker on the label window, with features from before each event's day.

    Beside the served model, each half of the pages gets one that did not learn from it: stage 2 reads
    stage 1's score as a feature, and must learn from scores as honest as those that serving gives it.
    """
    events = label_events(work, work.config.examples.groups)

    async def all_of(query: Query, candidates: Candidates) -> Candidates:
        return candidates

    halves = [GroupWriter(work.config.examples.negatives, work.config.seed + half) for half in (0, 1)]
    logged = LoggedPages([])
    with snapshot(work, (logged,)) as past:
        collect_examples(
            work, past, events, STAGE1, all_of, lambda page: halves[half_of(page)], "stage 1 examples", logged.show
        )
    groups = [writer.groups() for writer in halves]
    for half in (0, 1):
        fit_ranker(work, groups[1 - half] or groups[half], STAGE1, work.config.stage1, f"without{half}.txt")
    return fit_ranker(work, lightgbm.joined(groups), STAGE1, work.config.stage1, "model.txt")
