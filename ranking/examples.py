"""Creates training rows for the rankers: runs recall and features as serving does, on a past snapshot."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cascade.types import Candidates, Query
from ranking.event import Event
from ranking.features import Matrix, matrix
from ranking.freshness import age_days
from ranking.lightgbm.train import Groups

NOBODY = np.empty(0, np.uint64)


class LoggedPages:
    """A recall path used only in training: the pages shown in a page's events, whichever path recalled them."""

    name = "logged"

    def __init__(self, events: list[Event]) -> None:
        self.show(events)

    def show(self, events: list[Event]) -> None:
        """Replace the known pages by those of these events."""
        shown: dict[int, list[NDArray[np.uint64]]] = {}
        for event in events:
            shown.setdefault(event.page, []).append(event.shown)
        self._shown = {page: np.unique(np.concatenate(parts)) for page, parts in shown.items()}

    async def recall(self, query: Query, limit: int) -> Candidates:
        """Return every page that was shown; ignores `limit`."""
        pages = self._shown.get(query.page, np.empty(0, np.uint64))
        return Candidates(pages[pages != np.uint64(query.page)])


@dataclass(slots=True)
class GroupWriter:
    """Collects groups of training rows.

    `every_page` makes negatives also of pages that no reader has seen. Sessions need it: they want new pages too, so
    these are positives as often as they should be. Impressions never show some pages, which says nothing about them.
    """

    negatives: int
    every_page: bool
    generator: np.random.Generator
    _features: list[Matrix]
    _gains: list[NDArray[np.float32]]
    _positions: list[NDArray[np.int32]]

    def __init__(self, negatives: int, seed: int, every_page: bool = False) -> None:
        self.negatives = negatives
        self.every_page = every_page
        self.generator = np.random.default_rng(seed)
        self._features, self._gains, self._positions = [], [], []

    def add(self, candidates: Candidates, features: Matrix, event: Event, live: NDArray[np.uint64] = NOBODY) -> None:
        """Add what the event showed, and as negatives recalled pages that it did not show but readers could have seen.

        `live` are the pages that events of the same day showed or chose: they were there, whatever the past says.

        The negatives get positions drawn from the event's own: they dilute all positions equally and so
        do not change the position bias that the ranker learns.
        """
        rows = np.searchsorted(candidates.pages, event.shown)
        rows[rows == len(candidates)] = 0
        recalled = candidates.pages[rows] == event.shown
        if not (event.gain[recalled] > 0).any():
            return
        shown = rows[recalled]
        known = np.arange(len(candidates)) if self.every_page else _exposed(candidates, live)
        others = np.setdiff1d(known, shown, assume_unique=True)
        if event.passed is not None:
            others = others[~np.isin(candidates.pages[others], event.passed)]
        others = self.generator.permutation(others)[: self.negatives]
        if len(shown) + len(others) < 2 or not (len(others) or (event.gain[recalled] == 0).any()):
            return
        self._features.append(features[np.concatenate([shown, others])])
        self._gains.append(np.concatenate([event.gain[recalled], np.zeros(len(others), np.float32)]))
        if event.position is not None:
            positions = event.position[recalled]
            self._positions.append(np.concatenate([positions, self.generator.choice(positions, len(others))]))

    def groups(self) -> Groups | None:
        """Return all groups; None when no event had both a positive and a negative."""
        if not self._features:
            return None
        size = np.array([len(gain) for gain in self._gains], np.int32)
        positions = np.concatenate(self._positions) if len(self._positions) == len(size) else None
        return Groups(
            np.concatenate(self._features),
            np.concatenate(self._gains),
            size,
            np.ones(len(size), np.float32),
            positions,
        )


def _exposed(candidates: Candidates, live: NDArray[np.uint64]) -> NDArray[np.intp]:
    """Return the rows of pages that some reader saw by the day's end, or that are known to have been published.

    For others, having no click means nothing: as negatives, pages that are in no log would be ranked last whatever
    their text. Without any log, all rows count.
    """
    seen = (candidates["shown"] > 0) | (candidates["clicks_all"] > 0) | np.isin(candidates.pages, live)
    return np.flatnonzero(seen | (candidates["published"] > 0)) if seen.any() else np.arange(len(candidates))


def by_page(events: list[Event]) -> Iterator[tuple[int, list[Event]]]:
    """Yield each page with its events, in order of PageId."""
    grouped: dict[int, list[Event]] = {}
    for event in events:
        grouped.setdefault(event.page, []).append(event)
    yield from sorted(grouped.items())


def hours(event: Event) -> float:
    """Return when an event happened, in hours since 1970; NaN for a judged pair, which has no time."""
    return math.nan if event.time is None else float(event.time.astype("datetime64[s]").astype(np.int64)) / 3600


def as_of(candidates: Candidates, features: Matrix, names: tuple[str, ...], event: Event) -> tuple[Candidates, Matrix]:
    """Return the pages that were published when the event happened, with their ages at that time."""
    if event.time is None or "age_days" not in names:
        return candidates, features
    age = age_days(candidates, hours(event))
    there = ~(age < 0) | np.isin(candidates.pages, event.shown)  # a page that was shown was there, whatever its date
    candidates, features = candidates.take(there), features[there]
    features[:, names.index("age_days")] = np.maximum(age[there], 0)
    return candidates, features


async def collect(
    candidates_of: Callable[[Query], Awaitable[tuple[Query, Candidates]]],
    events: list[Event],
    names: tuple[str, ...],
    writer_of: Callable[[int], GroupWriter],
    narrow: Callable[[Query, Candidates], Awaitable[Candidates]],
    query_of: Callable[[int], Query],
    progress: Callable[[int], None],
) -> None:
    """Add the groups of each page's events to its writer; `narrow` may drop candidates and add columns.

    Candidates are sorted by PageId, and must stay so after `narrow`.
    """
    live = np.unique(np.concatenate([NOBODY, *(event.shown for event in events if event.time is not None)]))
    for done, (page, page_events) in enumerate(by_page(events), 1):
        query, candidates = await candidates_of(replace(query_of(page), at=hours(page_events[0])))
        if len(candidates):
            candidates = await narrow(query, candidates)
            features = matrix(query, candidates, names)
            for event in page_events:
                writer_of(page).add(*as_of(candidates, features, names, event), event, live)
        progress(done)
