"""Sums per randomized unit and day: what all statistics of an experiment are computed from."""

# ruff: noqa: S608 - names in the SQL are constants; file names are quoted, values are parameters

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import duckdb
import numpy as np
from numpy.typing import NDArray
from tea_tasting.aggr import Aggregates

from corpus.schema import InputError

#: Sums of a unit over the days of the experiment.
IMPRESSIONS, CLICKED, CLICKS, SATISFIED, RECO, JUDGED = SUMS = (
    "impressions",
    "clicked_impressions",
    "clicks",
    "satisfied_clicks",
    "reco_dcg",
    "judged_impressions",
)
#: Sums of a unit before the experiment began.
PRE_IMPRESSIONS, PRE_CLICKS = PRE = ("pre_impressions", "pre_clicks")

# Where some impressions have a unit, the others are of `without_unit`: nobody was randomized for them. Where none has
# one, clients sent units with requests alone, and each impression counts by itself.
_IN_ARMS = "impression WHERE teams IS NULL AND arm IS NOT NULL"
_UNITLESS = f"unit IS NULL AND (SELECT count(unit) FROM {_IN_ARMS}) > 0"

_BY_DAY = f"""
    CREATE TABLE panel AS
    SELECT cluster, any_value(unit) AS unit, arm, day, count(*) AS impressions,
        count(*) FILTER (len(clicked) > 0) AS clicked_impressions, sum(len(clicked)) AS clicks,
        sum(len(stayed)) AS satisfied_clicks, coalesce(sum(q.reco_dcg), 0) AS reco_dcg,
        count(q.reco_dcg) AS judged_impressions
    FROM (FROM {_IN_ARMS} AND NOT ({_UNITLESS})) AS impression
    LEFT JOIN quality AS q ON q.url1 = impression.url1 AND q.urls = impression.urls[:5]
    GROUP BY cluster, arm, day"""

_CROSSED = "SELECT cluster FROM panel GROUP BY cluster HAVING count(DISTINCT arm) > 1"

_BEFORE = """
    SELECT unit, count(*) FILTER (kind = 'impression') AS pre_impressions,
        count(DISTINCT (impression_id, position)) FILTER (kind = 'click') AS pre_clicks
    FROM event WHERE unit IS NOT NULL AND time < (SELECT min(time) FROM impression) GROUP BY unit"""

_ROWS = f"""
    SELECT dense_rank() OVER (ORDER BY cluster) - 1 AS number, arm, day, {", ".join(SUMS)},
        coalesce(pre_impressions, 0) AS pre_impressions, coalesce(pre_clicks, 0) AS pre_clicks
    FROM panel LEFT JOIN ({_BEFORE}) USING (unit) WHERE cluster NOT IN ({_CROSSED}) ORDER BY day"""


@dataclass(frozen=True, slots=True)
class Panel:
    """Units in their arms: one row per unit and day, in the order of days."""

    arms: tuple[str, ...]
    days: NDArray[np.int64]  # since 1970, one per row, ascending
    unit: NDArray[np.int64]  # of each row, from 0
    arm: NDArray[np.int64]  # of each unit
    sums: dict[str, NDArray[np.float64]]  # one value per row
    before: dict[str, NDArray[np.float64]]  # one value per unit
    crossed: int  # units that were in several arms, left out
    unitless: int = 0  # impressions for which nobody was randomized, left out

    def counts(self) -> dict[str, int]:
        """Return the number of units per arm."""
        return dict(zip(self.arms, np.bincount(self.arm, minlength=len(self.arms)).tolist(), strict=True))

    def has(self, column: str) -> bool:
        """Return whether any unit has something of a column."""
        return bool((self.before if column in PRE else self.sums)[column].any())

    def looks(self, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, Aggregates]]]:
        """Yield, for the end of each day, what was known by then: the aggregates of each arm with two units or more."""
        total = {name: np.zeros(len(self.arm)) for name in dict.fromkeys((*columns, IMPRESSIONS)) if name not in PRE}
        edges = np.flatnonzero(np.r_[True, np.diff(self.days) > 0, True])
        for start, end in pairwise(edges):
            for name, so_far in total.items():
                np.add.at(so_far, self.unit[start:end], self.sums[name][start:end])
            seen = total[IMPRESSIONS] > 0
            yield int(self.days[start]), self._by_arm(columns, {**self.before, **total}, seen)

    def total(self, columns: Sequence[str]) -> dict[str, Aggregates]:
        """Return the aggregates of each arm over all days."""
        wanted = [name for name in self.sums if name in columns]
        total = {name: np.bincount(self.unit, self.sums[name], len(self.arm)).astype(np.float64) for name in wanted}
        return self._by_arm(columns, {**self.before, **total}, np.ones(len(self.arm), bool))

    def _by_arm(
        self, columns: Sequence[str], values: dict[str, NDArray[np.float64]], seen: NDArray[np.bool_]
    ) -> dict[str, Aggregates]:
        chosen = ((name, np.flatnonzero(seen & (self.arm == number))) for number, name in enumerate(self.arms))
        return {
            name: aggregates({column: values[column][of_arm] for column in columns})
            for name, of_arm in chosen
            if len(of_arm) > 1
        }


def aggregates(values: dict[str, NDArray[np.float64]]) -> Aggregates:
    """Return count, means, variances and covariances of columns of equal length."""
    names = list(values)
    table = np.stack([values[name] for name in names])
    means, covariance = table.mean(axis=1).tolist(), np.atleast_2d(np.cov(table)).tolist()
    places = range(len(names))
    return Aggregates(
        table.shape[1],
        dict(zip(names, means, strict=True)),
        {names[i]: covariance[i][i] for i in places},
        {(names[i], names[j]): covariance[i][j] for i in places for j in places if i < j},
    )


def read_panel(connection: duckdb.DuckDBPyConnection, control: str | None) -> Panel | None:
    """Return the units of an experiment's arms; None if it only interleaves.

    `control` comes first (None: the first by name). Raises InputError if there is no such arm.
    """
    connection.execute(_BY_DAY)
    names = [row[0] for row in connection.execute("SELECT DISTINCT arm FROM panel ORDER BY 1").fetchall()]
    if not names:
        return None
    if control is not None and control not in names:
        raise InputError(f"no impression of the arm {control!r}: give --control one of these: {', '.join(names)}")
    arms = tuple(sorted(names, key=lambda name: name != (control or names[0])))
    [(crossed,)] = connection.execute(f"SELECT count(*) FROM ({_CROSSED})").fetchall()
    [(unitless,)] = connection.execute(f"SELECT count(*) FROM {_IN_ARMS} AND {_UNITLESS}").fetchall()
    columns = connection.execute(_ROWS).fetchnumpy()
    unit = columns["number"].astype(np.int64)
    of_unit = np.unique(unit, return_index=True)[1]
    arm = np.array([arms.index(name) for name in columns["arm"][of_unit]], np.int64)
    sums = {name: np.asarray(columns[name], np.float64) for name in SUMS}
    before = {name: np.asarray(columns[name], np.float64)[of_unit] for name in PRE}
    return Panel(arms, columns["day"].astype(np.int64), unit, arm, sums, before, int(crossed), int(unitless))
