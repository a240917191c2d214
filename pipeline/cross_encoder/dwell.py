"""Better and worse results of the past log, told apart by how long readers stayed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from corpus.log.runs import steps
from pipeline.log.order import decay_of
from pipeline.log.sessions import Sessions, visits
from pipeline.log.split import split_of
from pipeline.runner.work import Work
from ranking.cross_encoder.examples import Triplets

_DRAWN = 4  # pages per session step that are taken as skipped, where the log has no impressions


def dwell_triplets(work: Work, pages: NDArray[np.uint64], satisfied_s: float, quick_back: float) -> Triplets:
    """Return a page with a result of more and one of less worth in the same impression, all before the label window.

    The weight grows with the difference in worth (`worth`) and with how often it was seen; its mean is 1. Without
    clicked impressions, the steps of sessions are taken, each with pages that other readers went to; where order means
    little, any two pages of a session.
    """
    shown = _shown(work)
    if len(shown) == 0:
        none = np.empty(0, np.int64)
        return Triplets(none, none, none, none.astype(np.float32))
    worths = worth(shown["clicked"].to_numpy(), shown["dwell_s"].to_numpy(), satisfied_s, quick_back)
    shown = shown.select(["impression", "page1", "page2"]).append_column("worth", pa.array(worths))
    better = shown.filter(pc.greater(shown["worth"], 0))
    other = shown.select(["impression", "page2", "worth"]).rename_columns(["impression", "other", "less"])
    pairs = better.join(other, "impression", join_type="inner")
    pairs = pairs.append_column("by", pc.subtract(pairs["worth"], pairs["less"]))
    pairs = pairs.filter(pc.greater(pairs["by"], 0)).select(["page1", "page2", "other", "by"])
    names = ["page1", "page2", "other"]
    summed = pairs.group_by(names).aggregate([("by", "sum")]).sort_by([(name, "ascending") for name in names])
    page, chosen, worse = (np.searchsorted(pages, summed[name].to_numpy()) for name in names)
    weight = np.log1p(summed["by_sum"].to_numpy())
    return Triplets(page, chosen, worse, (weight * len(weight) / max(weight.sum(), 1e-9)).astype(np.float32))


def worth(
    clicked: NDArray[np.bool_], dwell_s: NDArray[np.float32], satisfied_s: float, quick_back: float
) -> NDArray[np.float64]:
    """Return 1 for a satisfied click, `quick_back` for any other, 0 for a skipped result.

    A click of unknown dwell time (NaN) is satisfied only if the log knows none at all.
    """
    known = np.isfinite(dwell_s) & clicked
    satisfied = dwell_s >= satisfied_s if known.any() else np.ones(len(clicked), bool)
    return np.where(clicked, np.where(satisfied, 1.0, quick_back), 0.0)


def _shown(work: Work) -> pa.Table:
    split = split_of(work)
    if "labels_from" not in split:
        return pa.table({"impression": []})
    before = pc.field("time") < pc.scalar(split["labels_from"])
    columns = ["impression", "page1", "page2", "clicked", "dwell_s"]
    impressions = pq.read_table(work.of("read") / "impressions.parquet", columns=columns, filters=before)
    return impressions if pc.any(impressions["clicked"]).as_py() else _of_sessions(work, before)


def _moves(sessions: Sessions) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows of each visit and of the next one."""
    from_ = np.flatnonzero(steps(sessions.session, sessions.page, sessions.place))
    return from_, from_ + 1


def _any_other(sessions: Sessions, generator: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows of each page of a session and of another page of it, for a log whose order means little."""
    rows = visits(sessions, None)
    session = sessions.session[rows]
    start, end = (np.searchsorted(session, session, side) for side in ("left", "right"))
    count = end - start
    shift = generator.integers(1, count) if len(rows) else count
    return rows, rows[start + (np.arange(len(rows)) - start + shift) % np.maximum(count, 1)]


def _of_sessions(work: Work, before: pc.Expression) -> pa.Table:
    columns = ["session", "page", "time", "step", "dwell_s"]
    clicks = pq.read_table(work.of("read") / "clicks.parquet", columns=columns, filters=before)
    clicks = clicks.sort_by([("session", "ascending"), ("step", "ascending")])
    *visited, dwell = (clicks[name].to_numpy() for name in columns)
    sessions, generator = Sessions(*visited), np.random.default_rng(work.config.seed)
    one, other = _moves(sessions) if decay_of(work) is not None else _any_other(sessions, generator)
    first, second, stayed = sessions.page[one], sessions.page[other], dwell[other]
    if len(first) == 0:
        return pa.table({"impression": []})
    drawn = generator.choice(second, (len(second), _DRAWN))
    shown = np.concatenate([second[:, None], drawn], axis=1)
    own = shown == second[:, None]
    width = shown.shape[1]
    return pa.table(
        {
            "impression": np.repeat(np.arange(len(first)), width),
            "page1": np.repeat(first, width),
            "page2": shown.ravel(),
            "clicked": own.ravel(),
            "dwell_s": np.where(own, stayed[:, None], np.nan).ravel().astype(np.float32),
        }
    )
