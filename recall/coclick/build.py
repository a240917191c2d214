"""Builds the `coclick` table: pairs of the log, with rates borrowed from pages with similar text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from ibis import _

from corpus.log.pair_counts import EVIDENCE, outer_sum
from corpus.log.runs import runs
from recall.coclick.config import CoclickConfig
from recall.coclick.orders import best, with_shares
from recall.coclick.row import FIELDS, NEIGHBOUR

_RATES = ("next", "back", "shown", "shown_back", "after", "together")
_SPREAD = ("next", "shown", "together")
_ORDERED_BY = ("near", "near_back", "together", "cosine", "swing")  # the other evidence joins the rows that are kept
_TEXT_RATES = (*(f"borrowed_{name}" for name in _RATES), *(f"spread_{name}" for name in _SPREAD))


@dataclass(frozen=True, slots=True)
class Sources:
    """The tables that rows are made from."""

    evidence: ir.Table  # corpus.log.pair_counts.pair_evidence
    rates: ir.Table  # `rates` of the evidence: made once, since every page lends
    text_neighbours: ir.Table  # (page, neighbour, weight); each page is its own neighbour with weight 1
    flow: ir.Table  # (page, entered): corpus.log.counts.page_flow


def rates(evidence: ir.Table, config: CoclickConfig) -> ir.Table:
    """Return what each page lends to those with similar text: (page1, page2, next, back, shown, after, together, …)."""
    stepped = (_.next_all > 0) | (_.back_all > 0) | (_.shown_all > 0) | (_.shown_back > 0)
    place = ibis.row_number().over(ibis.window(group_by="page1", order_by=[ibis.desc("together"), "page2"]))
    seen = evidence.mutate(place=place).filter(stepped | ((_.together > 0) & (_.place < config.lent)))
    shares = {"next": "next_all", "back": "back_all", "after": "after", "together": "together"}
    of_page1 = ibis.window(group_by="page1")
    return seen.select(
        "page1",
        "page2",
        shown=(_.shown_all > 0).cast("float64"),
        shown_back=(_.shown_back > 0).cast("float64"),
        **{name: seen[count] / (seen[count].sum().over(of_page1) + config.prior) for name, count in shares.items()},
    )


def shared_rows(sources: Sources, config: CoclickConfig, pages: ir.Table | None = None) -> ir.Table:
    """Return all neighbours of each page: (page1, page2, text rates, the share of each order, the evidence of these).

    A page with few clicks borrows the rates of pages with similar text: sum over n of weight(A, n) · rate(n, B);
    `spread` is the same on the other side: sum over m of rate(A, m) · weight(m, B).
    With `pages` (a column `page`) only their rows are made, with the same values; evidence and rates are then needed
    only of them and their text neighbours.
    """

    def wanted(rows: ir.Table, column: str) -> ir.Table:
        return rows if pages is None else rows.semi_join(pages, rows[column] == pages.page)

    borrowers = wanted(sources.text_neighbours, "page")
    borrowed = (
        borrowers.join(sources.rates, borrowers.neighbour == sources.rates.page1)
        .group_by(page1=_.page, page2=_.page2)
        .aggregate(**{f"borrowed_{name}": (_.weight * _[name]).sum() for name in _RATES})
    )
    to = sources.text_neighbours.select(page2=_.neighbour, like=_.page, weight=_.weight)
    spread = (
        wanted(sources.rates, "page1")
        .join(to, "page2")
        .group_by(page1=_.page1, page2=_.like)
        .aggregate(**{f"spread_{name}": (_.weight * _[name]).sum() for name in _SPREAD})
    )
    parts = [wanted(sources.evidence, "page1"), borrowed, spread]
    rows = outer_sum(parts, [*_ORDERED_BY, *_TEXT_RATES]).filter(_.page1 != _.page2)
    return with_shares(rows, sources.flow, config)


def neighbour_rows(
    shared: ir.Table, evidence: ir.Table, weights: Mapping[str, float], config: CoclickConfig
) -> ir.Table:
    """Return the table's rows as (page1, page2, the fields of NEIGHBOUR), at most `config.neighbours` per page.

    `shared` are `shared_rows`, in a file: they are read once per order. `weights` are those of
    `recall.coclick.orders.ORDERS`.
    """
    kept = best(shared, weights, config)
    rest = [name for name in EVIDENCE if name not in _ORDERED_BY]
    rows = kept.left_join(evidence.select("page1", "page2", *rest), ["page1", "page2"])
    rows = rows.mutate(**{name: rows[name].coalesce(ibis.literal(0).cast("float64")) for name in rest}).drop(
        "page1_right", "page2_right"
    )
    return rows.order_by("page1", ibis.desc("affinity"), "page2")


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


def _structured(batch: pa.RecordBatch) -> np.ndarray:
    rows = np.empty(batch.num_rows, NEIGHBOUR)
    rows["page"] = batch["page2"].to_numpy(zero_copy_only=False)
    for name in FIELDS:
        values = batch[name].to_numpy(zero_copy_only=False)
        kind = NEIGHBOUR[name]
        top = np.iinfo(kind).max if kind.kind == "u" else np.finfo(kind).max
        rows[name] = np.minimum(values, top).astype(kind)
    return rows
