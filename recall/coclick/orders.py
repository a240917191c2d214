"""Orders of a page's neighbours, and their mixture: which pages a row keeps, and in which order."""

from __future__ import annotations

from collections.abc import Mapping

import ibis
import ibis.expr.types as ir
from ibis import _

from recall.coclick.config import CoclickConfig

#: What a page's neighbours can be ordered by. Each gives shares of 1 to the neighbours of a page.
ORDERS = ("next", "after", "together", "cosine", "swing", "alike")

#: What `next` is made of besides rates of transitions, each as a share, with its weight.
_HINTS = {"shown": 1.0, "pull": 1.0, "near_back": 0.2, "back": 0.1}
_TINY = 1e-6  # a share of nothing is 0


def with_shares(rows: ir.Table, flow: ir.Table, config: CoclickConfig) -> ir.Table:
    """Add `share_<order>` to rows of (page1, page2, evidence and text rates).

    `next` is transitions, `after` and `alike` are co-visits, directed and not: all three with those borrowed from
    pages with similar text. The others rest on the pair alone. `flow` (page, entered) is `corpus.log.counts.page_flow`.
    """
    entered = flow.select(page2=_.page, entered=_.entered)  # from any page
    found = rows.left_join(entered, "page2").drop("page2_right")
    scores = _scores(found, config)
    # Totals by a join: windows over rows as wide as these take several times as long.
    totals = found.group_by("page1").aggregate(**{f"total_{name}": score.sum() for name, score in scores.items()})
    found = found.join(totals, "page1")
    shares = {name: score / (found[f"total_{name}"] + _TINY) for name, score in _scores(found, config).items()}
    hinted = sum((weight * shares[name] for name, weight in _HINTS.items()), found.borrowed_next + found.spread_next)
    whole = sum((weight * (found[f"total_{name}"] > 0).cast("float64") for name, weight in _HINTS.items()), _TINY)
    columns = {f"share_{name}": shares[name] for name in ORDERS if name != "next"}
    return found.mutate(share_next=hinted / (found.total_rates + whole), **columns).drop(
        "entered", *(f"total_{name}" for name in scores)
    )


def best(rows: ir.Table, weights: Mapping[str, float], config: CoclickConfig) -> ir.Table:
    """Return at most `config.neighbours` rows per page, in any order, with `affinity`: the mixture of the shares.

    `config.fair_share` of them are the best of each order, evenly; the rest are the best of the mixture.
    """
    shares = {name: rows[f"share_{name}"] for name in ORDERS}
    mixed = rows.select("page1", "page2", affinity=sum(weights[name] * share for name, share in shares.items()))
    fair = int(config.neighbours * config.fair_share) // len(ORDERS)
    guaranteed = ibis.union(*(_first(rows, f"share_{name}", fair) for name in ORDERS), distinct=True)
    ranked = mixed.left_join(guaranteed.mutate(guaranteed=True), ["page1", "page2"])
    ranked = ranked.mutate(place=_place(ranked, ranked.guaranteed.isnull(), ibis.desc("affinity")))
    kept = ranked.filter(_.place < config.neighbours).select("page1", "page2", "affinity")
    return kept.join(rows.drop(*(f"share_{name}" for name in ORDERS)), ["page1", "page2"])


def _first(rows: ir.Table, share: str, count: int) -> ir.Table:
    """Return (page1, page2) of each page's best `count` by one order. Most orders have a share for few pairs."""
    ordered = rows.filter(rows[share] > 0).select("page1", "page2", share)
    return ordered.filter(_place(ordered, ibis.desc(share)) < count).select("page1", "page2")


def _scores(rows: ir.Table, config: CoclickConfig) -> dict[str, ir.NumericColumn]:
    """Return what shares are taken of; `rates` only for its total."""
    return {
        "rates": rows.borrowed_next + rows.spread_next,
        "shown": rows.borrowed_shown,
        "pull": rows.near / (1 + rows.entered.coalesce(0)).pow(config.popularity_damping),
        "near_back": rows.near_back,
        "back": rows.borrowed_back + rows.borrowed_shown_back,
        "after": rows.borrowed_after,
        "together": rows.together,
        "cosine": rows.cosine,
        "swing": rows.swing,
        "alike": rows.borrowed_together + rows.spread_together,
    }


def _place(rows: ir.Table, *order: ir.Value) -> ir.IntegerColumn:
    return ibis.row_number().over(ibis.window(group_by=rows.page1, order_by=[*order, rows.page2]))
