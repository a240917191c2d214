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


def half_of(page: int) -> int:
    """Return 0 or 1: the half of the pages that a page belongs to."""
    return page & 1  # a PageId is a hash: its last bit is a fair coin


def fit_ranker(
    work: Work,
    groups: lightgbm.Groups | None,
    names: tuple[str, ...],
    config: lightgbm.LightGbmConfig,
    file: str,
    start: str | None = None,
    held_out: lightgbm.Groups | None = None,
) -> dict[str, object]:
    """Train on the groups and write the model to `file`; return figures. Raises ValueError without a group."""
    if groups is None:
        raise ValueError("no example holds both a page to prefer and one to pass over: is the log longer than a day?")
    with progress("training", config.trees) as advance:
        path, seed = work.directory / file, work.config.seed
        trees = lightgbm.train(groups, names, config, seed, path, advance, start, held_out)
    rows = {"groups": len(groups.size), "rows": len(groups.gain)}
    return {**rows, "positions": groups.position is not None, "trees": trees}
