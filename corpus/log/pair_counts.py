"""Counts of a page pair in both directions: the evidence that recall and judges use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import ibis
import ibis.expr.types as ir
from ibis import _

_CLICKS = ("next_1", "next_7", "next_28", "next_all", "near")
_SHOWS = ("shown_7", "shown_28", "shown_all", "chosen_7", "chosen_28", "chosen_all")
_BACK = {"back_all": "next_all", "near_back": "near", "shown_back": "shown_all"}
_VISITS = (
    *(f"{name}_{window}" for name in ("together", "after") for window in ("7", "28", "all")),
    "together", "after", "after_back",
)  # fmt: skip
_COUNTS = (*_CLICKS, *_SHOWS, *_BACK, *_VISITS, "swing")
#: The counts of a pair, each as float64.
EVIDENCE = (*_COUNTS, "cosine", "lift")

_EXPECTED = 1.0  # sessions together, added to those that chance expects: a lift rests on more than one session


@dataclass(frozen=True, slots=True)
class Counted:
    """The tables of one directory of the step `counts` that evidence is made from."""

    click_pairs: ir.Table
    impression_pairs: ir.Table
    co_visits: ir.Table
    swing: ir.Table
    page_visits: ir.Table


#: Their names, which are those of their files.
COUNTED = tuple(field.name for field in fields(Counted))


def counted(table: Callable[[str], ir.Table]) -> Counted:
    """Return the tables, each opened by its name."""
    return Counted(**{name: table(name) for name in COUNTED})


def pair_evidence(tables: Counted, pages: ir.Table | None = None) -> ir.Table:
    """Return one row per directed pair (page1, page2) with counts in both directions, for pairs seen in either.

    Weights are as in `corpus.log.co_visits`. `cosine` is together / sqrt(w1 · w2), where w is the weight of a page's
    sessions; `lift` is together / (what chance expects + 1). With `pages` (a column `page`), only pairs whose page1 is
    one of them.
    """
    clicks, shows = tables.click_pairs, tables.impression_pairs
    parts = [
        clicks.select("page1", "page2", *_CLICKS),
        shows.select("page1", "page2", *_SHOWS),
        clicks.select(page1=_.page2, page2=_.page1, back_all=_.next_all, near_back=_.near),
        shows.select(page1=_.page2, page2=_.page1, shown_back=_.shown_all),
        tables.co_visits.select("page1", "page2", *_VISITS),
        tables.swing.select("page1", "page2", "swing"),
    ]
    asked = [part if pages is None else part.semi_join(pages, part.page1 == pages.page) for part in parts]
    return _normalised(outer_sum(asked, _COUNTS), tables.page_visits)


def _normalised(evidence: ir.Table, page_visits: ir.Table) -> ir.Table:
    weights = page_visits.mutate(share=_.weight / page_visits.weight.sum().as_scalar())
    one = weights.select(page1="page", weight1="weight")
    two = weights.select(page2="page", weight2="weight", share2="share")
    rows = evidence.left_join(one, "page1").drop("page1_right").left_join(two, "page2").drop("page2_right")
    zero = ibis.literal(0).cast("float64")  # in Spark, a literal 0.0 is a decimal
    chance = rows.weight1 * rows.share2 + _EXPECTED
    return rows.mutate(
        cosine=(rows.together / (rows.weight1 * rows.weight2).sqrt()).coalesce(zero),
        lift=(rows.together / chance).coalesce(zero),
    ).drop("weight1", "weight2", "share2")


def outer_sum(parts: Sequence[ir.Table], names: Sequence[str]) -> ir.Table:
    """Outer-join by (page1, page2) with 0 for missing counts; as a union and a sum, which is fast on every engine."""
    zero = ibis.literal(0).cast("float64")  # in Spark, a literal 0.0 is a decimal
    filled = [
        part.select(
            "page1",
            "page2",
            **{n: part[n].cast("float64") if n in part.columns else zero for n in names},
        )
        for part in parts
    ]
    rows = ibis.union(*filled)
    return rows.group_by("page1", "page2").aggregate(**{n: rows[n].sum() for n in names})
