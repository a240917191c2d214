"""Builds the `coclick` table: pairs of the log, with rates borrowed from pages with similar text."""

from __future__ import annotations

from collections.abc import Iterator

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from ibis import _

from corpus.log.pair_counts import EVIDENCE, outer_sum
from corpus.log.runs import runs
from recall.coclick.config import CoclickConfig
from recall.coclick.row import FIELDS, NEIGHBOUR

_RATES = ("next", "back", "shown", "shown_back")


def neighbour_rows(
    evidence: ir.Table, text_neighbours: ir.Table, flow: ir.Table, config: CoclickConfig, pages: ir.Table | None = None
) -> ir.Table:
    """Return the table's rows as (page1, page2, the fields of NEIGHBOUR), at most `config.neighbours` per page.

    `text_neighbours` is (page, neighbour, weight); each page is its own neighbour with weight 1.
    A page with few clicks borrows the rates of pages with similar text: sum over n of weight(A, n) · rate(n, B);
    `spread` is the same on the other side: sum over m of rate(A, m) · weight(m, B).
    `flow` (page, entered) is `corpus.log.counts.page_flow`. With `pages` (a column `page`) only their rows are made,
    with the same values; `evidence` is then needed only for them and their neighbours.
    """

    def wanted(rows: ir.Table, column: str) -> ir.Table:
        return rows if pages is None else rows.semi_join(pages, rows[column] == pages.page)

    rates = _rates(evidence, config)
    borrowers = wanted(text_neighbours, "page")
    borrowed = (
        borrowers.join(rates, borrowers.neighbour == rates.page1)
        .group_by(page1=_.page, page2=_.page2)
        .aggregate(**{f"borrowed_{name}": (_.weight * _[name]).sum() for name in _RATES})
    )
    to = text_neighbours.select(page2=_.neighbour, like=_.page, weight=_.weight)
    spread = (
        wanted(rates, "page1")
        .join(to, "page2")
        .group_by(page1=_.page1, page2=_.like)
        .aggregate(spread_next=(_.weight * _.next).sum(), spread_shown=(_.weight * _.shown).sum())
    )
    text_rates = [*(f"borrowed_{name}" for name in _RATES), "spread_next", "spread_shown"]
    parts = [wanted(evidence, "page1"), borrowed, spread]
    rows = outer_sum(parts, [*EVIDENCE, *text_rates]).filter(_.page1 != _.page2)
    return _ranked(rows, flow, config)


def pack_rows(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[int, bytes]]:
    """Yield (page, row) from record batches sorted by page1, best neighbour first."""
    page, parts = None, []
    for batch in batches:
        pages = batch["page1"].to_numpy(zero_copy_only=False)
        rows = _structured(batch)
        for start, stop in runs(pages):
            if page is not None and pages[start] != page:
                yield int(page), b"".join(parts)
                parts = []
            page = pages[start]
            parts.append(rows[start:stop].tobytes())
    if page is not None:
        yield int(page), b"".join(parts)


def _rates(evidence: ir.Table, config: CoclickConfig) -> ir.Table:
    seen = evidence.filter((_.next_all > 0) | (_.back_all > 0) | (_.shown_all > 0) | (_.shown_back > 0))
    of_page1 = ibis.window(group_by="page1")
    return seen.select(
        "page1",
        "page2",
        next=_.next_all / (_.next_all.sum().over(of_page1) + config.prior),
        back=_.back_all / (_.back_all.sum().over(of_page1) + config.prior),
        shown=(_.shown_all > 0).cast("float64"),
        shown_back=(_.shown_back > 0).cast("float64"),
    )


def _ranked(rows: ir.Table, flow: ir.Table, config: CoclickConfig) -> ir.Table:
    of_page1 = ibis.window(group_by="page1")
    entered = flow.select(page2=_.page, entered=_.entered)  # from any page
    damped = rows.left_join(entered, "page2").drop("page2_right")
    damped = damped.mutate(pull=_.near / (1 + _.entered.coalesce(0)).pow(config.popularity_damping))
    affinity = (
        damped.borrowed_next
        + damped.spread_next
        + _share(damped.borrowed_shown, of_page1)
        + _share(damped.pull, of_page1)
        + 0.2 * _share(damped.near_back, of_page1)
        + 0.1 * _share(damped.borrowed_back + damped.borrowed_shown_back, of_page1)
    )
    order = [ibis.desc("affinity"), "page2"]
    place = ibis.row_number().over(ibis.window(group_by="page1", order_by=order))
    best = damped.mutate(affinity=affinity).mutate(place=place).filter(_.place < config.neighbours)
    return best.drop("place", "pull", "entered").order_by("page1", *order)


def _share(column: ir.NumericColumn, window: ir.Table) -> ir.NumericColumn:
    return column / (column.sum().over(window) + 1e-6)


def _structured(batch: pa.RecordBatch) -> np.ndarray:
    rows = np.empty(batch.num_rows, NEIGHBOUR)
    rows["page"] = batch["page2"].to_numpy(zero_copy_only=False)
    for name in FIELDS:
        values = batch[name].to_numpy(zero_copy_only=False)
        kind = NEIGHBOUR[name]
        top = np.iinfo(kind).max if kind.kind == "u" else np.finfo(kind).max
        rows[name] = np.minimum(values, top).astype(kind)
    return rows
