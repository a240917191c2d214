"""Shared by the steps of both LightGBM rankers: collects examples from a past snapshot and fits a model."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from cascade.types import Candidates, Query
from pipeline.log import leak
from pipeline.log.label_days import LabelDay, day_of, label_days
from pipeline.rankers.snapshot import Snapshot, query_of
from pipeline.runner.progress import progress
from pipeline.runner.work import Work
from ranking.event import Event
from ranking.examples import GroupWriter, collect
from ranking.lightgbm import train as lightgbm
from ranking.lightgbm.score import start_file


def collect_examples(
    work: Work,
    past: Snapshot,
    events: list[Event],
    names: tuple[str, ...],
    narrow: Callable[[Query, Candidates], Awaitable[Candidates]],
    writer_of: Callable[[int], GroupWriter],
    title: str,
    show: Callable[[list[Event]], None] = lambda events: None,
) -> None:
    """Pass each page's candidates to its writer, as recalled from the snapshot before its day and reduced by `narrow`.

    `show` is called with each day's events before its pages are recalled. Raises LeakError.
    """
    days = [(day, part, {event.page for event in part}) for day, part in by_day(work, events)]
    with progress(title, sum(len(pages) for _, _, pages in days)) as advance, ThreadPoolExecutor(1, "counts") as ahead:
        # A day is counted while the one before is collected: the one is DuckDB's work, the other Python's.
        counted = [partial(past.counted, day, pages) for day, _, pages in days if day is not None]
        waiting = ahead.submit(counted[0]) if counted else None
        done = 0
        for number, (day, part, pages) in enumerate(days, start=1):
            if day is not None and waiting is not None:
                leak.check(work, part, day.name)
                past.move_to(waiting.result())
                waiting = ahead.submit(counted[number]) if number < len(days) else None
            show(part)
            advance_day = partial(_advance_from, advance, done)
            asyncio.run(collect(past.candidates, part, names, writer_of, narrow, query_of, advance_day))
            done += len(pages)


def by_day(work: Work, events: list[Event]) -> list[tuple[LabelDay | None, list[Event]]]:
    """Return each day of the label window that has events, and its events; judged pairs have no day."""
    days = label_days(work)
    if not days or not events or events[0].time is None:
        return [(None, events)]
    row = day_of(days, np.array([event.time for event in events], "datetime64[us]"))
    return [(day, [events[i] for i in np.flatnonzero(row == n)]) for n, day in enumerate(days) if (row == n).any()]


def _advance_from(advance: Callable[[int], None], before: int, done: int) -> None:
    advance(before + done)


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

    With too few groups the model has no trees.
    """
    start_file(work.directory / file).write_text(start or "")
    if groups is None or not lightgbm.enough_rows(groups, config):
        lightgbm.write_untrained(names, work.directory / file)
        return {"groups": 0, "rows": 0, "positions": False, "trees": 0}
    with progress("training", config.trees) as advance:
        path, seed = work.directory / file, work.config.seed
        trees = lightgbm.train(groups, names, config, seed, path, advance, start, held_out)
    rows = {"groups": len(groups.size), "rows": len(groups.gain)}
    return {**rows, "positions": groups.position is not None, "trees": trees}
