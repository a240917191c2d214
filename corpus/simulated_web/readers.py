"""Simulated readers: sessions as walks on the tree of topics, and impressions of an earlier recommender."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from corpus.simulated_web import draw
from corpus.simulated_web.model import WebModel
from corpus.simulated_web.pages import Index, Web
from corpus.simulated_web.quality import attraction, examination, pair_quality, promise

_COPIES = 2  # positions of the list reserved for copies of the page itself
_ABOVE = 2.7  # factor on the popularity of copies


@dataclass(frozen=True, slots=True)
class Shown:
    """Impressions: one row each, one column per position; -1 where nothing is shown."""

    slot: Index  # position in the earlier recommender's list for the page
    page: Index
    clicked: NDArray[np.bool_]
    dwell_s: NDArray[np.float32]  # NaN where not clicked
    random: NDArray[np.bool_]  # one per impression


class Readers:
    """Samples pages as readers and the earlier recommender choose them: by topic, then by popularity and promise."""

    def __init__(self, web: Web) -> None:
        """Precompute cumulative weights and copies of pages: 16 bytes per page."""
        self._web = web
        self._weight = np.concatenate([[0.0], np.cumsum(web.popularity * promise(web, np.arange(len(web))))])
        key = web.language.astype(np.int64) * web.tree.leaves + web.leaf
        self._starts = np.searchsorted(key, np.arange(len(web.model.languages) * web.tree.leaves + 1))
        self._copies = _copies(web)

    def sessions(self, count: int, rng: np.random.Generator) -> tuple[Index, Index]:
        """Return (session, page) of every visit, session by session, numbered from 0."""
        model = self._web.model
        length = np.minimum(rng.geometric(model.stops, count) + 1, model.longest_session)
        page = np.full((count, model.longest_session), -1, np.int64)
        page[:, 0] = self._near(np.zeros(count, np.int64), np.full(count, 3), rng.random(count))
        for place in range(1, model.longest_session):
            on = np.flatnonzero(length > place)
            level = _levels(model, rng.random(len(on)))
            page[on, place] = self._near(page[on, place - 1], level, rng.random(len(on)))
        visited = page >= 0
        visited[:, 1:] &= page[:, 1:] != page[:, :-1]
        session, step = np.nonzero(visited)
        return session, page[session, step]

    def listed(self, pages: Index) -> Index:
        """Return the earlier recommender's candidates (pages, listed), best first; -1 for repeats.

        The list of a page is fixed.
        """
        web, model = self._web, self._web.model
        slot = np.arange(model.listed)[None, :]
        level = _levels(model, draw.uniform(web.seed, 20, pages[:, None], slot))
        begin, end = (np.take_along_axis(b, level, axis=1) for b in self._reach(pages[:, None], np.arange(4)))
        drawn = self._found(begin + draw.uniform(web.seed, 21, pages[:, None], slot) * (end - begin))
        drawn[:, :_COPIES] = np.where(self._copies[pages] >= 0, self._copies[pages], drawn[:, :_COPIES])
        return _without_repeats(drawn, pages)

    def shown(self, pages: Index, rng: np.random.Generator) -> Shown:
        """Return the impression of each visit of `pages`, with clicks and dwell times."""
        web, model = self._web, self._web.model
        once, back = np.unique(pages, return_inverse=True)
        listed = self.listed(once)[back]
        known = np.maximum(listed, 0)
        merit = self._weight[known + 1] - self._weight[known]
        merit[:, :_COPIES] *= _ABOVE  # copies first: they are often read together with the page
        explored = rng.random(len(pages)) < model.explore
        merit[explored] = rng.random((int(explored.sum()), model.listed))
        merit[listed < 0] = -1.0
        slot = np.argsort(-merit, axis=1)[:, : model.shown]  # only gaps tie
        page = np.take_along_axis(listed, slot, axis=1)
        click_chance = examination(web, model.shown) * attraction(web, pages[:, None], page)
        clicked = (rng.random(page.shape) < click_chance) & (page >= 0)
        median = model.dwell_s[0] + model.dwell_s[1] * pair_quality(web, pages[:, None], page)
        dwell = np.where(clicked, median * rng.lognormal(0.0, model.dwell_sigma, page.shape), np.nan)
        return Shown(slot, page, clicked, dwell.astype(np.float32), explored)

    def _near(self, pages: Index, level: Index, chance: NDArray[np.float64]) -> Index:
        """Return a page near each page: of its leaf (0), branch (1), root (2), or any (3), selected by `chance`."""
        begin, end = self._reach(pages, level)
        return self._found(begin + chance * (end - begin))

    def _reach(self, pages: Index, level: Index) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the cumulative weights between which the pages near each page lie; of all pages if none is read."""
        web = self._web
        span = np.array([1, web.tree.width, web.tree.width**2, 0])[level]
        leaf = web.leaf[pages] // np.maximum(span, 1) * span
        first = web.language[pages].astype(np.int64) * web.tree.leaves + leaf
        begin, end = self._weight[self._starts[first]], self._weight[self._starts[first + span]]
        anywhere = end <= begin  # level 3 too: its span is 0
        return np.where(anywhere, 0.0, begin), np.where(anywhere, self._weight[-1], end)

    def _found(self, weight: NDArray[np.float64]) -> Index:
        """Return the page at each cumulative weight."""
        found: Index = np.searchsorted(self._weight[1:-1], weight, side="right")
        return found


def _levels(model: WebModel, chance: NDArray[np.float64]) -> Index:
    """Return the range of each step: 0 the leaf, 1 the branch, 2 the root, 3 all pages."""
    leaf, branch, root = np.cumsum(model.steps)[:3]
    level: Index = (chance >= leaf).astype(np.int64) + (chance >= branch) + (chance >= root)
    return level


def _copies(web: Web) -> NDArray[np.int32]:
    """Return up to two copies of each page (pages, 2); -1 where there is none."""
    copies = np.full((len(web), _COPIES), -1, np.int32)
    copied = np.flatnonzero(web.source != np.arange(len(web)))
    copies[web.source[copied], copied % _COPIES] = copied
    return copies


def _without_repeats(listed: Index, pages: Index) -> Index:
    """Set to -1 candidates that repeat an earlier one in their row or the page itself."""
    places = listed.shape[1]
    ordered = np.sort(
        listed * places + np.arange(places), axis=1
    )  # page and position in one number: the fastest to sort
    page, place = np.divmod(ordered, places)
    page[:, 1:][page[:, 1:] == page[:, :-1]] = -1
    kept = np.empty_like(listed)
    np.put_along_axis(kept, place, page, axis=1)
    return np.where(kept == pages[:, None], -1, kept)
