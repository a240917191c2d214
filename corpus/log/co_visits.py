"""Counts of pages that one session has anywhere, before or after each other, as Ibis expressions.

A page counts once per session. Sessions of n pages weigh 1 / log2(1 + n), as they do in `near`.
"""

from __future__ import annotations

from datetime import datetime

import ibis
import ibis.expr.types as ir
from ibis import _

from corpus.log.counts import Reach, before, times, visits, windows


def session_pages(clicks: ir.Table, end: datetime) -> ir.Table:
    """Return one row per page of a session.

    Columns: session, page, `first` and `final` (its places in the session), `time` (its first visit) and `weight`.
    """
    rows = visits(before(clicks, end))
    pages = rows.group_by("session", "page").aggregate(
        first=rows.step.min(), final=rows.step.max(), time=rows.time.min(), length=rows.length.max()
    )
    return pages.mutate(weight=1 / (1 + pages.length).log2()).drop("length")


def co_visits(pages: ir.Table, end: datetime, reach: Reach) -> ir.Table:
    """Return (page1, page2), both directions of every pair with a session in common, from `session_pages`.

    Columns: `together_<window>` (sessions with both), `after_<window>` (page2 at any place after page1), both for
    7, 28 and all days; `together`, `after` and `after_back` (weighted by session), and `last`, the latest time counted.
    """
    pairs = _pairs(pages, reach)
    after, back = pairs.final2 > pairs.first, pairs.final > pairs.first2
    counts = {}
    for name, since in windows(pairs.both, end):
        if name != "1":  # a day has too few sessions with both
            counts[f"together_{name}"] = times(since)
            counts[f"after_{name}"] = times(since & after)
    return pairs.group_by("page1", "page2").aggregate(
        together=pairs.weight.sum(),
        after=_weighted(pairs.weight, after),
        after_back=_weighted(pairs.weight, back),
        last=pairs.both.max(),
        **counts,
    )


def page_visits(pages: ir.Table) -> ir.Table:
    """Return (page, `weight`, `last`): the sum of the weights of its sessions, from `session_pages`."""
    return pages.group_by("page").aggregate(weight=_.weight.sum(), last=_.time.max())


def swing(pages: ir.Table, reach: Reach) -> ir.Table:
    """Return (page1, page2, `swing`, `last`) of pairs that more than one session has, from `session_pages`.

    Swing (TRAWL, equation 1, for items): the sum over sessions i, j with both pages of 1 / (α + pages in i and j),
    where i = j counts too. It is small where always the same pages come together. For a pair that n sessions have, the
    latest m = `reach.swing_sessions` are compared, and the sum over i ≠ j is scaled by n (n - 1) / (m (m - 1)).
    """
    one_way = _pairs(pages, reach)
    one_way = one_way.filter(one_way.page1 < one_way.page2)
    pair = ["page1", "page2"]
    latest = ibis.row_number().over(ibis.window(group_by=pair, order_by=[ibis.desc("both"), "session"]))
    sessions = _.count().over(ibis.window(group_by=pair))
    ranked = one_way.select(*pair, "session", "both", place=latest, sessions=sessions)
    kept = ranked.filter((ranked.place < reach.swing_sessions) & (ranked.sessions > 1))
    other = kept.select("page1", "page2", session2="session")
    compared = kept.join(other, ["page1", "page2"]).filter(_.session < _.session2)
    overlap = _overlaps(pages, compared.select("session", "session2").distinct())
    score = 1 / (overlap.shared.cast("float64") + reach.swing_smoothing)
    scored = compared.join(overlap.mutate(score=score), ["session", "session2"])
    unlike = scored.group_by("page1", "page2").aggregate(unlike=2 * scored.score.sum())
    own = _own(pages, kept, reach)
    both = own.left_join(unlike, ["page1", "page2"]).drop("page1_right", "page2_right")
    used = both.used.cast("float64")
    sessions = both.sessions.cast("float64")
    scale = sessions * (sessions - 1) / (used * (used - 1))
    found = both.select(
        "page1",
        "page2",
        "last",
        swing=both.own * both.sessions / used + both.unlike.coalesce(ibis.literal(0).cast("float64")) * scale,
    )
    return found.union(found.select(page1="page2", page2="page1", last="last", swing="swing"))


def _pairs(pages: ir.Table, reach: Reach) -> ir.Table:
    """Return (page1, page2, session) with the places of both, both directions; `both` is when the session had both."""
    one = pages.rename(page1="page")
    two = pages.select("session", page2="page", first2="first", final2="final", time2="time")
    pairs = one.join(two, [one.session == two.session, one.page1 != two.page2]).drop("session_right")
    near = (pairs.first2 - pairs.first).abs() <= reach.together
    return pairs.filter(near).mutate(both=ibis.greatest(pairs.time, pairs.time2))


def _own(pages: ir.Table, kept: ir.Table, reach: Reach) -> ir.Table:
    """Return the terms i = j of Swing for each pair, with how many sessions it has and uses."""
    sizes = pages.group_by("session").aggregate(size=_.count())
    sized = kept.join(sizes, "session")
    return sized.group_by("page1", "page2").aggregate(
        own=(1 / (sized.size.cast("float64") + reach.swing_smoothing)).sum(),
        used=_.count(),
        sessions=sized.sessions.max(),
        last=sized.both.max(),
    )


def _overlaps(pages: ir.Table, sessions: ir.Table) -> ir.Table:
    """Return (session, session2, `shared`), the number of pages that both have, of pairs of sessions."""
    lists = pages.group_by("session").aggregate(has=_.page.collect())  # a join by page may start at the hubs
    others = lists.rename(session2="session", has2="has")
    both = sessions.join(lists, "session").join(others, "session2")
    return both.select("session", "session2", shared=both.has.intersect(both.has2).length())


def _weighted(weight: ir.NumericColumn, condition: ir.BooleanValue) -> ir.NumericScalar:
    return ibis.ifelse(condition, weight, weight * 0).sum()
