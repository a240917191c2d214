"""Simulated readers: a click model that generates impressions and clicks, for data without real ones.

The model is position-based (examination hypothesis): a reader examines position r with probability
1 / r^bias, and clicks an examined page with a probability that depends only on the page:

    next page of the session             0.65 s
    d steps later in it (d = 2 .. 8)     0.65 s / d^0.7
    a sibling: same class or module      0.30
    any other page                       0.02

If several apply, the highest counts. Readers of documentation compare siblings (`str.rsplit` and `str.split`) even if
their own file does not use them. s in 0..1 is how specific a page is: 1 if at most 0.5 % of the sessions visit it, else
sqrt(0.5 % / that share): a page that everybody uses is rarely the answer to this page's question.

The logging policy orders pages by noisy popularity, so that position and relevance are confounded as in real logs;
a share of the impressions is in random order and flagged as such. Metrics on these impressions must be labelled as
simulated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64]

_SPARE = 3  # extra pages drawn to replace repeats


@dataclass(frozen=True, slots=True)
class Sessions:
    """Visits grouped by session; pages are numbered from 0."""

    session: Index  # ascending
    page: Index
    group: Index  # per page, not per visit: its class or module


@dataclass(frozen=True, slots=True)
class ReaderModel:
    """Parameters of the click model. Probabilities are in 0..1, dwell times in seconds."""

    shown: int = 5
    position_bias: float = 0.7
    follows: float = 0.65
    decay: float = 0.7
    reach: int = 8  # largest d in the table above
    same_group: float = 0.30
    specific: float = 0.005  # largest share of sessions at which s is 1
    other: float = 0.02
    explore: float = 0.1  # share of impressions in random order
    mix: tuple[float, float, float] = (0.35, 0.4, 0.25)  # candidates: later pages, popular siblings, any
    dwell_median_s: tuple[float, float] = (45.0, 12.0)  # of later pages of the session, of others
    dwell_sigma: float = 0.8


@dataclass(frozen=True, slots=True)
class Impressions:
    """One row per impression, `shown` columns in display order; page is -1 where nothing is shown."""

    visit: Index  # the visit on whose page the impression was shown
    page: NDArray[np.int64]
    clicked: NDArray[np.bool_]
    dwell_s: NDArray[np.float32]  # NaN where not clicked
    random: NDArray[np.bool_]  # one per impression


def simulate(sessions: Sessions, model: ReaderModel, rng: np.random.Generator) -> Impressions:
    """Return an impression for every visit except the last of each session."""
    visit = np.flatnonzero(sessions.session[:-1] == sessions.session[1:])
    popularity = np.bincount(sessions.page, minlength=len(sessions.group)).astype(np.float64)
    drawn = _candidates(sessions, visit, popularity, model, rng)
    shown = _without_repeats(drawn, sessions.page[visit])[:, : model.shown]
    explored = rng.random(len(visit)) < model.explore
    merit = np.log1p(popularity)[shown] + rng.gumbel(size=shown.shape)
    merit[explored] = rng.random((int(explored.sum()), model.shown))
    merit[shown < 0] = -np.inf  # gaps go last
    shown = np.take_along_axis(shown, np.argsort(-merit, axis=1, kind="stable"), axis=1)
    distance = _steps_ahead(sessions, visit, shown, model.reach)
    clicked = rng.random(shown.shape) < _click_probability(sessions, visit, shown, distance, model)
    median = np.where(distance > 0, *model.dwell_median_s)
    dwell = np.where(clicked, rng.lognormal(np.log(median), model.dwell_sigma), np.nan)
    return Impressions(visit, shown, clicked, dwell.astype(np.float32), explored)


def _candidates(
    sessions: Sessions, visit: Index, popularity: NDArray[np.float64], model: ReaderModel, rng: np.random.Generator
) -> Index:
    """Return (visits, shown + spare) candidate pages, drawn from the three sources of `model.mix`."""
    shape = (len(visit), model.shown + _SPARE)
    last = np.searchsorted(sessions.session, sessions.session[visit], side="right") - 1
    ahead = np.minimum(visit[:, None] + rng.geometric(0.5, shape), last[:, None])
    order = np.argsort(sessions.group, kind="stable")
    weight = np.cumsum(popularity[order] + 0.5)  # unvisited pages are shown occasionally too
    group = sessions.group[sessions.page[visit]]
    first = np.searchsorted(sessions.group[order], group)
    end = np.searchsorted(sessions.group[order], group, side="right")
    low = np.where(first > 0, weight[first - 1], 0.0)
    drawn = low[:, None] + rng.random(shape) * (weight[end - 1] - low)[:, None]
    popular = order[np.minimum(np.searchsorted(weight, drawn, side="right"), end[:, None] - 1)]
    kind = rng.choice(3, shape, p=model.mix)
    return np.choose(kind, [sessions.page[ahead], popular, rng.integers(len(sessions.group), size=shape)])


def _without_repeats(shown: Index, trigger: Index) -> Index:
    """Set to -1 pages that repeat an earlier one in their row or the trigger; gaps go last."""
    repeated = shown == trigger[:, None]
    for column in range(1, shown.shape[1]):
        repeated[:, column] |= (shown[:, :column] == shown[:, column : column + 1]).any(axis=1)
    order = np.argsort(repeated, axis=1, kind="stable")
    return np.take_along_axis(np.where(repeated, -1, shown), order, axis=1)


def _steps_ahead(sessions: Sessions, visit: Index, shown: Index, reach: int) -> Index:
    """Return how many steps later each shown page is visited, 0 if not within `reach`."""
    distance = np.zeros(shown.shape, np.int64)
    for step in range(reach, 0, -1):
        later = np.minimum(visit + step, len(sessions.page) - 1)
        same = (sessions.session[later] == sessions.session[visit]) & (visit + step == later)
        distance[(shown == sessions.page[later][:, None]) & same[:, None]] = step
    return distance


def _click_probability(
    sessions: Sessions, visit: Index, shown: Index, distance: Index, model: ReaderModel
) -> NDArray[np.float64]:
    near = sessions.group[shown] == sessions.group[sessions.page[visit]][:, None]
    attraction = np.where(near, model.same_group, model.other)
    steps = np.maximum(distance, 1).astype(np.float64)
    sessions_with = np.bincount(sessions.page, minlength=len(sessions.group))  # a session visits a page only once
    share = np.maximum(sessions_with / len(np.unique(sessions.session)), model.specific)
    following = np.sqrt(model.specific / share)[shown] * model.follows / steps**model.decay
    attraction = np.where(distance > 0, np.maximum(following, attraction), attraction)
    examination = 1.0 / np.arange(1, model.shown + 1, dtype=np.float64) ** model.position_bias
    return np.where(shown >= 0, attraction * examination, 0.0)
