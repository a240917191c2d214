"""The label window: what readers saw and chose after the features were counted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from corpus.log.runs import runs, steps
from pipeline.log.label_days import LabelDay, day_of, label_days
from pipeline.log.order import decay_of
from pipeline.log.sessions import sessions_of, visits, wanted_on
from pipeline.log.split import split_of
from pipeline.runner.work import Work
from ranking.event import Event

Page = TypeVar("Page", int, NDArray[np.uint64])

#: Sources of events: impressions with a click, session steps, judged pairs. The first with enough examples is used.
IMPRESSIONS, STEPS, LABELS = SOURCES = ("impressions", "steps", "labels")
SET_ASIDE = "labels set aside"  # the judged pairs that the cross-encoder does not learn from
OF_LOG = (IMPRESSIONS, STEPS)

_BEST = 10.0  # gain of the next page of a session; a page further on gains less, at least 1
_DRAWN = 4  # pages that other readers went to, beside each chosen one

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
    return impressions if pc.any(impressions["clicked"]).as_py() else _drawn_impressions(work, split["labels_from"])


def _events(work: Work, source: str, limit: int | None) -> list[Event]:
    if source not in OF_LOG:
        return _of_labels(work, limit, source == SET_ASIDE)
    days = label_days(work)
    if not days:
        return []
    if source == STEPS:
        return _of_sessions(work, days[0].begin, days, limit)
    since = pc.field("time") >= pc.scalar(days[0].begin)
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


def _of_sessions(work: Work, since: datetime, days: Sequence[LabelDay], limit: int | None) -> list[Event]:
    """Return an event for each page of a session that has others to want: all later ones, or the whole set."""
    sessions, decay = sessions_of(work, since, None), decay_of(work)
    rows = visits(sessions, decay)
    rows = rows[day_of(days, sessions.time[rows]) >= 0]
    rows = np.sort(np.random.default_rng(work.config.seed).permutation(rows)[:limit])
    wanted = wanted_on(sessions, rows, decay)
    return [
        Event(int(sessions.page[row]), each.pages, _gain(each.grade), None, sessions.time[row], each.passed)
        for row, each in zip(rows, wanted, strict=True)
    ]


def _gain(grade: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.maximum(np.round(_BEST * grade), 1).astype(np.float32)  # rankers learn from whole numbers


def _of_labels(work: Work, limit: int | None, set_aside: bool) -> list[Event]:
    table = pq.read_table(work.of("labels") / "labels.parquet", filters=pc.field("set_aside") if set_aside else None)
    table = table.sort_by([("page1", "ascending")])
    page1, page2, quality = (table[name].to_numpy() for name in ("page1", "page2", "quality"))
    events = [Event(int(page1[a]), page2[a:b], np.round(quality[a:b]).astype(np.float32), None) for a, b in runs(page1)]
    return events[:limit]


def _drawn_impressions(work: Work, until: datetime) -> pa.Table:
    """Make impressions from sessions: a page that the session wants, and four pages that other readers went to.

    Where order means something that page is the next one, otherwise any other of the session.
    """
    sessions, decay = sessions_of(work, None, until), decay_of(work)
    generator = np.random.default_rng(work.config.seed)
    if decay is None:
        rows = visits(sessions, None)
        pairs = np.stack(
            [sessions.page[rows], sessions.page[_another(sessions.session[rows], rows, generator)]], axis=1
        )
    else:
        step = steps(sessions.session, sessions.page, sessions.place)
        pairs = np.stack([sessions.page[:-1][step], sessions.page[1:][step]], axis=1)
    drawn = generator.choice(pairs[:, 1], (len(pairs), _DRAWN)) if len(pairs) else np.empty((0, _DRAWN), np.uint64)
    shown = np.concatenate([pairs[:, 1:], drawn], axis=1)
    clicked = shown == pairs[:, 1:]
    return pa.table(
        {
            "impression": np.repeat(np.arange(len(pairs)), shown.shape[1]),
            "page1": np.repeat(pairs[:, 0], shown.shape[1]),
            "page2": shown.ravel(),
            "clicked": clicked.ravel(),
        }
    )


def _another(session: NDArray[np.uint64], rows: NDArray[np.intp], generator: np.random.Generator) -> NDArray[np.intp]:
    """Return another row of each row's session, drawn at random; `rows` has two or more of each, side by side."""
    _, start, number, length = np.unique(session, return_index=True, return_inverse=True, return_counts=True)
    start, length = start[number], length[number]
    further = 1 + (generator.random(len(rows)) * (length - 1)).astype(np.intp)
    return rows[start + (np.arange(len(rows)) - start + further) % length]
