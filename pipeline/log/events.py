"""The label window: what readers saw and chose after the features were counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from corpus.log.runs import runs, steps
from pipeline.log.label_days import LabelDay, day_of, label_days
from pipeline.log.split import split_of
from pipeline.runner.work import Work
from ranking.event import Event

Page = TypeVar("Page", int, NDArray[np.uint64])

#: Sources of events: impressions with a click, session steps, judged pairs. The first with enough examples is used.
IMPRESSIONS, STEPS, LABELS = SOURCES = ("impressions", "steps", "labels")
SET_ASIDE = "labels set aside"  # the judged pairs that the cross-encoder does not learn from
OF_LOG = (IMPRESSIONS, STEPS)

_NO_IMPRESSIONS = pa.schema(
    {"impression": pa.int64(), "page1": pa.uint64(), "page2": pa.uint64(), "clicked": pa.bool_()}
).empty_table()


def label_events(work: Work, limit: int | None, sources: Sequence[str] = SOURCES) -> list[Event]:
    """Return at most `limit` events (None: all), sampled at random, from the first of `sources` that has any.

    Events from the log are restricted to the days of the label window.
    """
    return next((events for source in sources if (events := _events(work, source, limit))), [])


def half_of(page: Page) -> Page:
    """Return 0 or 1: the half of the pages that a page (or each page of an array) belongs to."""
    return page % 2  # a PageId is a hash: its last bit is random


def past_impressions(work: Work) -> pa.Table:
    """Return the impressions before the label window; without clicked ones, session steps with sampled negatives."""
    split = split_of(work)
    if "labels_from" not in split:
        return _NO_IMPRESSIONS
    before = pc.field("time") < pc.scalar(split["labels_from"])
    columns = ["impression", "page1", "page2", "clicked"]
    impressions = pq.read_table(work.of("read") / "impressions.parquet", columns=columns, filters=before)
    return impressions if pc.any(impressions["clicked"]).as_py() else _drawn_impressions(work, before)


def _events(work: Work, source: str, limit: int | None) -> list[Event]:
    if source not in OF_LOG:
        return _of_labels(work, limit, source == SET_ASIDE)
    days = label_days(work)
    if not days:
        return []
    since = pc.field("time") >= pc.scalar(days[0].begin)
    if source == STEPS:
        return _of_sessions(work, since, days, limit)
    impressions = pq.read_table(work.of("read") / "impressions.parquet", filters=since)
    impressions = impressions.filter(pa.array(day_of(days, impressions["time"].to_numpy()) >= 0))
    return _of_impressions(impressions, limit, work.config.seed)


def _of_impressions(table: pa.Table, limit: int | None, seed: int) -> list[Event]:
    clicked = pc.unique(table.filter(table["clicked"])["impression"]).to_numpy()
    chosen = np.random.default_rng(seed).permutation(np.sort(clicked))[:limit]
    table = table.filter(pc.is_in(table["impression"], pa.array(chosen))).sort_by(
        [("impression", "ascending"), ("position", "ascending")]
    )
    ids = table["impression"].to_numpy()
    page1, page2 = table["page1"].to_numpy(), table["page2"].to_numpy()
    gain, position = table["clicked"].to_numpy().astype(np.float32), table["position"].to_numpy().astype(np.int32)
    time = table["time"].to_numpy()
    return [Event(int(page1[a]), page2[a:b], gain[a:b], position[a:b], time[a:b].min()) for a, b in runs(ids)]


def _of_sessions(work: Work, since: pc.Expression, days: Sequence[LabelDay], limit: int | None) -> list[Event]:
    steps, time = _steps(work, since)
    held = day_of(days, time) >= 0
    steps, time = steps[held], time[held]
    chosen = np.random.default_rng(work.config.seed).permutation(len(steps))[:limit]
    one = np.ones(1, np.float32)
    return [Event(int(steps[i, 0]), steps[i, 1:], one, None, time[i]) for i in np.sort(chosen)]


def _of_labels(work: Work, limit: int | None, set_aside: bool) -> list[Event]:
    table = pq.read_table(work.of("labels") / "labels.parquet", filters=pc.field("set_aside") if set_aside else None)
    table = table.sort_by([("page1", "ascending")])
    page1, page2, quality = (table[name].to_numpy() for name in ("page1", "page2", "quality"))
    events = [Event(int(page1[a]), page2[a:b], np.round(quality[a:b]).astype(np.float32), None) for a, b in runs(page1)]
    return events[:limit]


def _drawn_impressions(work: Work, before: pc.Expression) -> pa.Table:
    """Make impressions from session steps: the next page, and four pages that other readers went to."""
    steps, _ = _steps(work, before)
    generator = np.random.default_rng(work.config.seed)
    drawn = generator.choice(steps[:, 1], (len(steps), 4)) if len(steps) else np.empty((0, 4), np.uint64)
    shown = np.concatenate([steps[:, 1:], drawn], axis=1)
    clicked = shown == steps[:, 1:]
    return pa.table(
        {
            "impression": np.repeat(np.arange(len(steps)), shown.shape[1]),
            "page1": np.repeat(steps[:, 0], shown.shape[1]),
            "page2": shown.ravel(),
            "clicked": clicked.ravel(),
        }
    )


def _steps(work: Work, when: pc.Expression) -> tuple[NDArray[np.uint64], NDArray[np.datetime64]]:
    """Return (page, next page) and start time of every session step with both clicks in the window."""
    columns = ["session", "page", "time", "step"]
    clicks = pq.read_table(work.of("read") / "clicks.parquet", columns=columns, filters=when)
    session, page, time, place = (clicks[name].to_numpy() for name in columns)
    step = steps(session, page, place)
    return np.stack([page[:-1][step], page[1:][step]], axis=1), time[:-1][step]
