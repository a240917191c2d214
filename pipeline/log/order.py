"""The step that measures how much the order of a session's pages means on this log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from ibis import _
from numpy.typing import NDArray

from configs.threads import used
from corpus.log.engine import connect
from corpus.log.runs import steps
from pipeline.log.sessions import Sessions, sessions_of, visits, wanted_on
from pipeline.log.split import EARLIER, earlier, split_of
from pipeline.runner.step import Step
from pipeline.runner.work import Work
from recall.mixture import fit

_FILE, _TARGETS = "order.json", "targets.parquet"
_DRAWS = 50  # of the bootstrap
_MOST = 5_000  # held-out steps, or pages of sessions: more narrow the interval no further than matters
_LEVEL = (2.5, 97.5)  # per cent: a 95 % interval


def order(work: Work) -> dict[str, object]:
    """Fit a mixture of two models to the held-out steps of the past, and report the weight of the ordered one.

    One knows direction and distance (`near`), the other only which sessions have both pages; a third, the popularity
    of pages, explains steps that neither has seen. `order` is near 0 where a session is a set, and 1 where only
    order tells the next page. Order means little if the upper end of the interval over sessions is below
    `order.least`: a small log, with a wide interval, is taken to have an order.
    """
    config = work.config.order
    session, shares = _held_out(work)
    figures: dict[str, object] = {"steps": len(shares), "order": None, "low": None, "high": None, "means": True}
    if len(shares):
        found = _ordered(shares, np.ones(len(shares)))
        low, high = np.percentile(_bootstrapped(session, shares, work.config.seed), _LEVEL)
        means = bool(high >= config.least or len(shares) < config.fewest_steps)
        figures |= {"order": round(found, 3), "low": round(low, 3), "high": round(high, 3), "means": means}
    (work.directory / _FILE).write_text(json.dumps(figures))
    pq.write_table(_targets(work, work.config.reach.decay if figures["means"] else None), work.directory / _TARGETS)
    return figures


STEP = Step("order", order, after=("read", "counts"), config=("order", "examples.label_share", "reach.decay"))


def decay_of(work: Work) -> float | None:
    """Return the decay of a page's weight with its distance in a session; None where order means little."""
    figures = json.loads((work.of("order") / _FILE).read_text())
    return work.config.reach.decay if figures["means"] else None


def held_out_targets(work: Work) -> pa.Table:
    """Return (page1, page2, gain): what sessions in the last part of the past wanted, which EARLIER did not count."""
    return pq.read_table(work.of("order") / _TARGETS)


def notes(figures: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield the manifest's note on a log whose order means little."""
    found = figures["order"]
    if not found["means"]:
        yield (
            f"the order of pages in a session tells little on this log ({found['order']:.2f}, at most "
            f"{found['high']:.2f}, of 1): sessions count as sets, and all their other pages as chosen"
        )


def _held_out(work: Work) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
    """Return the session of each step in the last part of the past, and its probability by each model."""
    held = _last_part(work)
    if held is None:
        return np.empty(0, np.uint64), np.empty((0, 3))
    went = np.flatnonzero(steps(held.session, held.page, held.place))
    went = np.sort(np.random.default_rng(work.config.seed).permutation(went)[:_MOST])
    page1, page2 = held.page[went], held.page[went + 1]
    return held.session[went], _probabilities(work, page1, page2)


def _targets(work: Work, decay: float | None) -> pa.Table:
    held = _last_part(work)
    rows = np.empty(0, np.intp) if held is None else visits(held, decay)
    rows = np.sort(np.random.default_rng(work.config.seed).permutation(rows)[:_MOST])
    found = [] if held is None else list(wanted_on(held, rows, decay))
    none = np.empty(0, np.uint64)
    page1 = none if held is None else np.repeat(held.page[rows], [len(each.pages) for each in found])
    page2 = np.concatenate([none, *(each.pages for each in found)])
    gain = np.concatenate([np.empty(0), *(each.grade for each in found)])
    return pa.table({"page1": page1, "page2": page2, "gain": gain})


def _last_part(work: Work) -> Sessions | None:
    """Return the sessions in the last part of the past; None without a log."""
    split = split_of(work)
    since = earlier(split, work.config.examples.label_share)
    return None if since is None else sessions_of(work, since, split["labels_from"])


def _probabilities(work: Work, page1: NDArray[np.uint64], page2: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Return (pairs, 3): the share of page2 after page1 by `near`, by `together`, and among all pages."""
    counts = work.of("counts") / EARLIER
    engine = connect(threads=used(), memory=work.config.engine.memory)
    asked = ibis.memtable(pa.table({"row": np.arange(len(page1)), "page1": page1, "page2": page2}))
    near, together, pages = (
        engine.read_parquet(str(counts / f"{name}.parquet")) for name in ("click_pairs", "co_visits", "page_visits")
    )
    of_page1 = ibis.window(group_by="page1")
    columns = [
        _joined(asked, pairs.select("page1", "page2", share=pairs[name] / pairs[name].sum().over(of_page1)))
        for pairs, name in ((near, "near"), (together, "together"))
    ]
    columns.append(_joined(asked, pages.select(page2="page", share=_.weight / pages.weight.sum().as_scalar())))
    return np.stack([column.to_pyarrow().to_numpy() for column in columns], axis=1)


def _joined(asked: ir.Table, shares: ir.Table) -> ir.Column:
    """Return the share of each asked row, in order; 0 where there is none."""
    keys = [name for name in ("page1", "page2") if name in shares.columns]
    return asked.left_join(shares, keys).order_by("row").share.coalesce(0.0)


def _ordered(shares: NDArray[np.float64], gain: NDArray[np.float64]) -> float:
    """Return the weight of the ordered model beside that of the unordered one."""
    near, together, _ = fit(shares, gain)
    return float(near / (near + together)) if near + together else 1.0


def _bootstrapped(session: NDArray[np.uint64], shares: NDArray[np.float64], seed: int) -> list[float]:
    """Return the weight in samples of the sessions, drawn with replacement."""
    _, row = np.unique(session, return_inverse=True)
    draw, sessions = np.random.default_rng(seed), int(row.max()) + 1
    drawn = (np.bincount(draw.integers(0, sessions, sessions), minlength=sessions)[row] for _ in range(_DRAWS))
    return [_ordered(shares, times.astype(np.float64)) for times in drawn]
