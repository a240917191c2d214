"""The step that trains the stage 1 ranker."""

from __future__ import annotations

from cascade.types import Candidates, Query
from pipeline.log.events import OF_LOG, SOURCES, STEPS, half_of, label_events
from pipeline.rankers.event_source import NOTHING, note
from pipeline.rankers.peer import not_below_the_peer, peer_of
from pipeline.rankers.snapshot import snapshot
from pipeline.rankers.text_order import above_the_text
from pipeline.rankers.training import collect_examples, fit_ranker
from pipeline.recall_steps import PATHS
from pipeline.runner.step import Step
from pipeline.runner.work import Work
from ranking.examples import GroupWriter, LoggedPages
from ranking.features import STAGE1
from ranking.lightgbm import train as lightgbm

_Halves = list[lightgbm.Groups | None]


def stage1(work: Work) -> dict[str, object]:
    """Train the stage 1 ranker on the label window, with features from before each event's day.

    Also trains one model per half of the pages without that half (out-of-fold): stage 2 reads stage 1's score
    as a feature, and in-sample scores would be better than those at serving time.
    """
    source, groups = _examples(work)
    for half in (0, 1):
        fit_ranker(work, groups[1 - half], STAGE1, work.config.stage1, f"without{half}.txt")
    figures = fit_ranker(work, lightgbm.joined(groups), STAGE1, work.config.stage1, "model.txt")
    held_out = [(groups[half], f"without{half}.txt") for half in (0, 1)]
    if source in OF_LOG:
        figures |= not_below_the_peer(work, held_out, STAGE1, "model.txt", peer=peer_of(work))
    else:
        figures |= above_the_text(work, held_out, STAGE1, "model.txt")
    note(work.directory, NOTHING if "text_order" in figures else source)
    return {"learnt_from": source, **figures}


STEP = Step(
    "stage1",
    stage1,
    after=("read", "counts", "order", "text", "pages", *PATHS, "labels"),
    config=("examples", "stage1"),
)


def _examples(work: Work) -> tuple[str, _Halves]:
    """Return the first source of events that is enough to learn from, and the groups of both halves of its pages.

    The number of events is not enough: filters may drop chosen pages, and recall may find no negatives.
    """
    for source in SOURCES:
        groups = _groups(work, source)
        if lightgbm.enough_rows(lightgbm.joined(groups), work.config.stage1):
            return source, groups
    return NOTHING, [None, None]


def _groups(work: Work, source: str) -> _Halves:
    events = label_events(work, work.config.examples.groups, [source])
    if not events:
        return [None, None]
    examples = work.config.examples
    halves = [GroupWriter(examples.negatives, work.config.seed + half, source == STEPS) for half in (0, 1)]
    logged = LoggedPages([])
    # What a session wanted and recall did not find has few features; beside recalled pages that it did not want, it
    # would teach that pages with few features are good. Shown pages may be missed alike, clicked or not.
    extra = () if source == STEPS else (logged,)
    with snapshot(work, extra) as past:
        collect_examples(
            work,
            past,
            events,
            STAGE1,
            _all_of,
            lambda page: halves[half_of(page)],
            f"examples from {source}",
            logged.show,
        )
    return [writer.groups() for writer in halves]


async def _all_of(query: Query, candidates: Candidates) -> Candidates:
    return candidates
