"""What the steps of both LightGBM rankers share: examples of a past snapshot, and a model fitted on them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from cascade.types import Candidates, Query
from pipeline.progress import progress
from pipeline.snapshot import Snapshot, query_of
from pipeline.work import Work
from ranking.event import Event
from ranking.examples import GroupWriter, collect
from ranking.lightgbm import train as lightgbm


def collect_examples(
    past: Snapshot,
    events: list[Event],
    names: tuple[str, ...],
    narrow: Callable[[Query, Candidates], Awaitable[Candidates]],
    writer: GroupWriter,
    title: str,
) -> None:
    """Give a writer the candidates of the events' pages, as the past recalls them and `narrow` leaves them."""
    with progress(title, len({event.page for event in events})) as advance:
        asyncio.run(collect(past.candidates, events, names, writer, narrow, query_of, advance))


def fit_ranker(
    work: Work,
    groups: lightgbm.Groups | None,
    names: tuple[str, ...],
    config: lightgbm.LightGbmConfig,
    file: str,
    start: str | None = None,
    held_out: lightgbm.Groups | None = None,
) -> dict[str, object]:
    """Train on the groups and write the model to `file`; return figures.

    Groups that are too few teach nothing: the model then has no tree.
    """
    if groups is None or not lightgbm.teach(groups, config):
        lightgbm.write_untrained(names, work.directory / file)
        return {"groups": 0, "rows": 0, "positions": False, "trees": 0}
    with progress("training", config.trees) as advance:
        path, seed = work.directory / file, work.config.seed
        trees = lightgbm.train(groups, names, config, seed, path, advance, start, held_out)
    rows = {"groups": len(groups.size), "rows": len(groups.gain)}
    return {**rows, "positions": groups.position is not None, "trees": trees}
