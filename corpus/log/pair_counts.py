"""Counts of a page pair in both directions: the evidence that recall and judges use."""

from __future__ import annotations

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
from ibis import _

_CLICKS = ("next_1", "next_7", "next_28", "next_all", "near")
_SHOWS = ("shown_7", "shown_28", "shown_all", "chosen_7", "chosen_28", "chosen_all")
_BACK = {"back_all": "next_all", "near_back": "near", "shown_back": "shown_all"}
#: The counts of a pair, each as float64.
EVIDENCE = (*_CLICKS, *_SHOWS, *_BACK)


def pair_evidence(click_pairs: ir.Table, impression_pairs: ir.Table, pages: ir.Table | None = None) -> ir.Table:
    """Return one row per directed pair (page1, page2) with counts in both directions, for pairs seen in either.

    With `pages` (a column `page`), only pairs whose page1 is one of them.
    """
    clicks = click_pairs.select("page1", "page2", *_CLICKS)
    shows = impression_pairs.select("page1", "page2", *_SHOWS)
    reverse_clicks = click_pairs.select(page1=_.page2, page2=_.page1, back_all=_.next_all, near_back=_.near)
    reverse_shows = impression_pairs.select(page1=_.page2, page2=_.page1, shown_back=_.shown_all)
    parts = [clicks, shows, reverse_clicks, reverse_shows]
    return outer_sum(
        [part if pages is None else part.semi_join(pages, part.page1 == pages.page) for part in parts], EVIDENCE
    )


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
