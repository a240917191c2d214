"""Simulated readers: sessions that walk the tree of topics, and what an earlier recommender showed them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from corpus.simulated_web import draw
from corpus.simulated_web.pages import Index, Web
from corpus.simulated_web.quality import attraction, examination, pair_quality, promise

_COPIES = 2  # places of the list that copies of the page itself take


@dataclass(frozen=True, slots=True)
class Shown:
    """Impressions: one row each, a column a place; -1 where nothing is shown."""

    slot: Index  # place in the earlier recommender's list of the page
    page: Index
    clicked: NDArray[np.bool_]
    dwell_s: NDArray[np.float32]  # NaN where not clicked
    random: NDArray[np.bool_]  # one an impression


class Readers:
    """Draws pages as readers and the earlier recommender choose them: by topic, then by popularity and promise."""

    def __init__(self, web: Web) -> None:
        """Take a web; sums of weights over it are kept: 8 bytes a page, and 4 for its first copy."""
        self._web = web
        self._weight = np.concatenate([[0.0], np.cumsum(web.popularity * promise(web, np.arange(len(web))))])
        key = web.language.astype(np.int64) * web.tree.leaves + web.leaf
        self._starts = np.searchsorted(key, np.arange(len(web.model.languages) * web.tree.leaves + 1))
        self._copies = _copies(web)

    def sessions(self, count: int, rng: np.random.Generator) -> tuple[Index, Index]:
        """Return (session, page) of every visit, session by session, numbered from 0."""
        model = self._web.model
        page = np.empty((count, model.longest_session), np.int64)
        page[:, 0] = self._near(np.zeros(count, np.int64), np.full(count, 3), rng.random(count))
        for place in range(1, model.longest_session):
            level = rng.choice(4, count, p=model.steps)
            page[:, place] = self._near(page[:, place - 1], level, rng.random(count))
        length = np.minimum(rng.geometric(model.stops, count) + 1, model.longest_session)
        visited = np.arange(model.longest_session) < length[:, None]
        visited[:, 1:] &= page[:, 1:] != page[:, :-1]
        session, step = np.nonzero(visited)
        return session, page[session, step]

    def listed(self, pages: Index) -> Index:
        """Return the earlier recommender's candidates (pages, listed), best first; -1 in place of repeats.

        A page's list is always the same.
        """
        web, model = self._web, self._web.model
        slot = np.arange(model.listed)[None, :]
        level = np.searchsorted(np.cumsum(model.steps)[:-1], draw.uniform(web.seed, 20, pages[:, None], slot))
        drawn = self._near(
            np.broadcast_to(pages[:, None], level.shape), level, draw.uniform(web.seed, 21, pages[:, None], slot)
        )
        drawn[:, :_COPIES] = np.where(self._copies[pages] >= 0, self._copies[pages], drawn[:, :_COPIES])
        return _without_repeats(drawn, pages)

    def shown(self, pages: Index, rng: np.random.Generator) -> Shown:
        """Return what is shown on each visit of `pages`, and what is clicked for how long."""
        web, model = self._web, self._web.model
        listed = self.listed(pages)
        known = np.maximum(listed, 0)
        merit = np.log(self._weight[known + 1] - self._weight[known] + 1e-6)
        merit[:, :_COPIES] += 1.0  # what is read together with the page itself, above all
        explored = rng.random(len(pages)) < model.explore
        merit[explored] = rng.random((int(explored.sum()), model.listed))
        merit[listed < 0] = -np.inf
        slot = np.argsort(-merit, axis=1, kind="stable")[:, : model.shown]
        page = np.take_along_axis(listed, slot, axis=1)
        looked = examination(web, model.shown) * attraction(web, pages[:, None], page)
        clicked = (rng.random(page.shape) < looked) & (page >= 0)
        median = model.dwell_s[0] + model.dwell_s[1] * pair_quality(web, pages[:, None], page)
        dwell = np.where(clicked, median * rng.lognormal(0.0, model.dwell_sigma, page.shape), np.nan)
        return Shown(slot, page, clicked, dwell.astype(np.float32), explored)

    def _near(self, pages: Index, level: Index, chance: NDArray[np.float64]) -> Index:
        """Return a page near each page: of its leaf (0), branch (1), root (2), or any (3); `chance` picks it."""
        web = self._web
        span = np.array([1, web.tree.width, web.tree.width**2, 0])[np.minimum(level, 3)]
        leaf = web.leaf[pages] // np.maximum(span, 1) * span
        first = web.language[pages].astype(np.int64) * web.tree.leaves + leaf
        begin, end = self._weight[self._starts[first]], self._weight[self._starts[first + span]]
        anywhere = (level == 3) | (end <= begin)
        begin, end = np.where(anywhere, 0.0, begin), np.where(anywhere, self._weight[-1], end)
        found = np.searchsorted(self._weight, begin + chance * (end - begin), side="right") - 1
        near: Index = np.clip(found, 0, len(web) - 1)
        return near


def _copies(web: Web) -> NDArray[np.int32]:
    """Return at most two copies of each page (pages, 2); -1 where there is none."""
    copies = np.full((len(web), _COPIES), -1, np.int32)
    copied = np.flatnonzero(web.source != np.arange(len(web)))
    copies[web.source[copied], copied % _COPIES] = copied
    return copies


def _without_repeats(listed: Index, pages: Index) -> Index:
    """Blank (-1) what repeats an earlier candidate of its row, or the page itself."""
    order = np.argsort(listed, axis=1, kind="stable")
    ordered = np.take_along_axis(listed, order, axis=1)
    repeated = np.zeros(listed.shape, np.bool_)
    np.put_along_axis(repeated, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
    return np.where(repeated | (listed == pages[:, None]), -1, listed)
