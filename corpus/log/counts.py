"""Counts of pages and page pairs in the log, as Ibis expressions over the working tables.

Only rows strictly before `end` are counted. Windows are the last 1, 7 and 28 days before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from typing import Annotated

import ibis
import ibis.expr.types as ir
from ibis import _
from pydantic import Field

#: Name of a window -> its length in days; `all` is the whole log.
WINDOWS: dict[str, int | None] = {"1": 1, "7": 7, "28": 28, "all": None}


@dataclass(frozen=True, slots=True)
class Reach:
    """Which pages of a session form pairs."""

    steps: int = 8  # pages further apart are not near each other
    decay: float = 0.6  # a pair d steps apart has weight decay ** (d - 1)
    together: int = 64  # pages further apart are not a co-visit: a visit of 200 pages would have 20,000
    swing_sessions: Annotated[int, Field(ge=2)] = (
        8  # of a pair that Swing compares, the latest; its cost grows with the square
    )
    swing_smoothing: Annotated[float, Field(ge=0)] = 1.0  # α of Swing, added to the overlap of two sessions


def before(table: ir.Table, end: datetime) -> ir.Table:
    """Return the rows of a table with a `time` that are strictly before `end`."""
    return table.filter(_.time < ibis.literal(end, type=table.time.type()))


def visits(clicks: ir.Table) -> ir.Table:
    """Return clicks with `length`, the number of pages in the session; `step` is the position in it, from 0."""
    return clicks.mutate(length=_.count().over(ibis.window(group_by="session")))


def click_pairs(clicks: ir.Table, end: datetime, reach: Reach) -> ir.Table:
    """Return directed pairs (page1 before page2 in one session).

    Columns: page1, page2, `next_<window>` (page2 came directly after page1) and `near`
    (all pairs, weighted by proximity and divided by log2(1 + session length)), and `last`, the latest time counted.
    """
    first = visits(before(clicks, end))
    second = first.select(_.session, page2=_.page, step2=_.step, time2=_.time)
    pairs = first.join(
        second,
        [
            first.session == second.session,
            second.step2 > first.step,
            second.step2 <= first.step + reach.steps,
            first.page != second.page2,
        ],
    )
    distance = pairs.step2 - pairs.step
    weight = ibis.literal(reach.decay).pow(distance - 1) / (1 + pairs.length).log2()
    counts = {f"next_{name}": times((distance == 1) & since) for name, since in windows(pairs.time2, end)}
    return pairs.group_by(page1=pairs.page, page2=pairs.page2).aggregate(
        near=weight.sum(), last=pairs.time2.max(), **counts
    )


def impression_pairs(impressions: ir.Table, end: datetime) -> ir.Table:
    """Return (page1, page2): `shown_<window>`, `chosen_<window>` (page2 shown, and clicked, on page1) and `last`."""
    rows = before(impressions, end).filter(_.page1 != _.page2)
    counts = {}
    for name, since in windows(rows.time, end):
        counts[f"shown_{name}"] = times(since)
        counts[f"chosen_{name}"] = times(since & rows.clicked)
    return rows.group_by("page1", "page2").aggregate(last=rows.time.max(), **counts)


def page_clicks(clicks: ir.Table, end: datetime) -> ir.Table:
    """Return `clicks_<window>` per page, and `last`, the latest time counted."""
    rows = before(clicks, end)
    counts = {f"clicks_{n}": times(since) for n, since in windows(rows.time, end)}
    return rows.group_by("page").aggregate(last=rows.time.max(), **counts)


def page_flow(pairs: ir.Table) -> ir.Table:
    """Return per page how often readers `left` it for another, `entered` it, and from how many pages (`sources`)."""
    zero = ibis.literal(0, "int64")
    left = pairs.group_by(page=_.page1).aggregate(left=total(_.next_all), entered=zero, sources=zero)
    entered = pairs.group_by(page=_.page2).aggregate(
        left=zero, entered=total(_.next_all), sources=times(_.next_all > 0)
    )
    return _summed(left, entered)


def page_shows(pairs: ir.Table) -> ir.Table:
    """Return per page: pages `shown_on` it, times it was `shown` and `chosen`, and pages it was `shown_beside`."""
    zero = ibis.literal(0, "int64")
    on = pairs.group_by(page=_.page1).aggregate(shown_on=total(_.shown_all), shown=zero, chosen=zero, shown_beside=zero)
    of = pairs.group_by(page=_.page2).aggregate(
        shown_on=zero, shown=total(_.shown_all), chosen=total(_.chosen_all), shown_beside=_.count()
    )
    return _summed(on, of)


def _summed(*parts: ir.Table) -> ir.Table:
    rows = reduce(lambda a, b: a.union(b), parts)
    names = [name for name in rows.columns if name != "page"]
    return rows.group_by("page").aggregate(**{name: total(rows[name]) for name in names})


def times(condition: ir.BooleanValue) -> ir.IntegerScalar:
    """Return how often a condition holds."""
    return total(condition.cast("int64"))


def total(column: ir.NumericColumn) -> ir.IntegerScalar:
    """Return a sum of whole numbers as int64."""
    # Engines return different types for a sum, but Ibis assumes int64 and drops a cast to it: hence float64 in between.
    return column.sum().cast("float64").cast("int64")


def windows(time: ir.TimestampColumn, end: datetime) -> list[tuple[str, ir.BooleanValue]]:
    """Return the name of each window, and whether a time is in it."""
    return [
        (name, time.notnull() if days is None else time >= ibis.literal(end - timedelta(days=days), type=time.type()))
        for name, days in WINDOWS.items()
    ]
