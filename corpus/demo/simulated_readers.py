"""Simulated readers: impressions and clicks by a click model, where no real ones exist.

The model is position-based (examination hypothesis): a reader looks at position r with probability
1 / r^bias, and clicks a page that he looks at with a probability that depends on the page alone:

    follows at once in the session       0.65 s
    follows d steps later (d = 2 .. 8)   0.65 s / d^0.7
    a sibling: same class or module      0.30
    any other page                       0.02

Where a page is more than one of these the highest counts. Who reads documentation compares siblings (`str.rsplit`
beside `str.split`), whether or not his own file used them. s in 0..1 says how specific a page is: 1 when at most 0.5 %
of the sessions visit it, else the root of 0.5 % over that share: what everybody uses answers no question of this page.

The logging policy shows pages by popularity with noise, so that position and merit are confounded as in real
logs; in a share of the impressions the order is random and flagged so. Whatever is measured on these
impressions is to be labelled as simulated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64]

_SPARE = 3  # pages drawn beyond those shown, in place of repeats


@dataclass(frozen=True, slots=True)
class Sessions:
    """Visits one after another, session by session; pages are numbered from 0."""

    session: Index  # ascending
    page: Index
    group: Index  # of each page, not of each visit: the class or module that it belongs to


@dataclass(frozen=True, slots=True)
class ReaderModel:
    """What is shown, and how readers look and click. Probabilities are in 0..1, dwell times in seconds."""

    shown: int = 5
    position_bias: float = 0.7
    follows: float = 0.65
    decay: float = 0.7
    reach: int = 8  # steps ahead in the session that still attract
    same_group: float = 0.30
    specific: float = 0.005  # share of sessions up to which a page that follows draws with its full force
    other: float = 0.02
    explore: float = 0.1  # share of impressions in random order
    mix: tuple[float, float, float] = (0.35, 0.4, 0.25)  # follows in the session, popular in the module, any page
    dwell_median_s: tuple[float, float] = (45.0, 12.0)  # of a page that follows, of another
    dwell_sigma: float = 0.8


@dataclass(frozen=True, slots=True)
class Impressions:
    """One row an impression, `shown` columns in the order of display. Where page is -1 nothing is shown."""

    visit: Index  # the visit on whose page they were shown
    page: NDArray[np.int64]
    clicked: NDArray[np.bool_]
    dwell_s: NDArray[np.float32]  # NaN where not clicked
    random: NDArray[np.bool_]  # one an impression


def simulate(sessions: Sessions, model: ReaderModel, rng: np.random.Generator) -> Impressions:
    """Return an impression for every visit but the last of its session."""
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
    """Return (visits, shown + spare) pages of three kinds: later in the session, popular in the module, any."""
    shape = (len(visit), model.shown + _SPARE)
    last = np.searchsorted(sessions.session, sessions.session[visit], side="right") - 1
    ahead = np.minimum(visit[:, None] + rng.geometric(0.5, shape), last[:, None])
    order = np.argsort(sessions.group, kind="stable")
    weight = np.cumsum(popularity[order] + 0.5)  # a page that nobody visits is shown too, now and then
    group = sessions.group[sessions.page[visit]]
    first = np.searchsorted(sessions.group[order], group)
    end = np.searchsorted(sessions.group[order], group, side="right")
    low = np.where(first > 0, weight[first - 1], 0.0)
    drawn = low[:, None] + rng.random(shape) * (weight[end - 1] - low)[:, None]
    popular = order[np.minimum(np.searchsorted(weight, drawn, side="right"), end[:, None] - 1)]
    kind = rng.choice(3, shape, p=model.mix)
    return np.choose(kind, [sessions.page[ahead], popular, rng.integers(len(sessions.group), size=shape)])


def _without_repeats(shown: Index, trigger: Index) -> Index:
    """Blank (-1) what repeats an earlier page of its row, or the page that the reader is on; blanks go last."""
    repeated = shown == trigger[:, None]
    for column in range(1, shown.shape[1]):
        repeated[:, column] |= (shown[:, :column] == shown[:, column : column + 1]).any(axis=1)
    order = np.argsort(repeated, axis=1, kind="stable")
    return np.take_along_axis(np.where(repeated, -1, shown), order, axis=1)


def _steps_ahead(sessions: Sessions, visit: Index, shown: Index, reach: int) -> Index:
    """Return how many steps later each shown page is visited, 0 when it is not within `reach`."""
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
    sessions_with = np.bincount(sessions.page, minlength=len(sessions.group))  # a session visits a page once
    often = np.maximum(sessions_with / len(np.unique(sessions.session)), model.specific)
    following = np.sqrt(model.specific / often)[shown] * model.follows / steps**model.decay
    attraction = np.where(distance > 0, np.maximum(following, attraction), attraction)
    examination = 1.0 / np.arange(1, model.shown + 1, dtype=np.float64) ** model.position_bias
    return np.where(shown >= 0, attraction * examination, 0.0)
