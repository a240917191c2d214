"""The lists of pages that stage 2 does not learn from: the blend's μ, σ and λ come from them.

Beside them one list of each page that it does learn from: a small log has too few others to weigh the session network.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cascade.types import Candidates, Query
from ranking.event import Event
from ranking.examples import by_page, hours
from ranking.features import STAGE2, Matrix
from ranking.quality_weight import HeldOutLists

HELD_OUT, LEARNT = "held_out.npz", "learnt.npz"


class ListRecorder:
    """Records each page's candidates as serving sees them, shown or not, once a day."""

    def __init__(self) -> None:
        self._lists: dict[tuple[int, float], tuple[NDArray[np.uint64], Matrix]] = {}

    def __len__(self) -> int:
        return len(self._lists)

    def add(self, query: Query, candidates: Candidates, features: Matrix) -> None:
        """Add the candidates of the query's page at its time."""
        self._lists[query.page, _key(query.at)] = candidates.pages, features

    def save_first(self, file: Path, days: list[list[Event]]) -> None:
        """Write the first recorded list of each page, without gains: rankers have learnt from them."""
        seen: set[int] = set()
        firsts: list[list[Event]] = []
        for events in days:
            firsts.append([event for event in events if event.page not in seen])
            seen |= {event.page for event in events}
        self.save(file, firsts, learnt=True)

    def save(self, file: Path, days: list[list[Event]], learnt: bool = False) -> None:
        """Write the recorded lists, with the gains of each day's events; 0 where rankers have `learnt` from them."""
        features = [np.empty((0, len(STAGE2)), np.float32)]
        candidates = [np.empty(0, np.uint64)]
        gains, pages, sizes, begins = [np.empty(0, np.float32)], [], [], []
        for events in days:
            for page, of_page in by_page(events):
                listed, rows = self._lists.get((page, _key(hours(of_page[0]))), (None, None))
                if listed is not None and rows is not None:
                    features.append(rows)
                    candidates.append(listed)
                    gains.append(_gains(listed, [] if learnt else of_page))
                    pages.append(page)
                    sizes.append(len(listed))
                    begins.append(_key(hours(of_page[0])))
        np.savez(
            file,
            features=np.concatenate(features),
            candidate=np.concatenate(candidates),
            gain=np.concatenate(gains),
            page=np.array(pages, np.uint64),
            size=np.array(sizes, np.int32),
            begin=np.array(begins, np.float64),
        )


class Recorded(NamedTuple):
    """The lists of a file, one after another."""

    features: Matrix  # of all rows
    page: NDArray[np.uint64]  # of each list
    size: NDArray[np.int32]
    candidate: NDArray[np.uint64]  # of each row
    begin: NDArray[np.float64]  # hours since 1970, when the page was first asked that day: no later event is counted

    @classmethod
    def load(cls, file: Path) -> Recorded:
        """Read what `ListRecorder` wrote."""
        with np.load(file) as stored:
            return cls(*(stored[name] for name in cls._fields))


def read_lists(file: Path) -> tuple[Matrix, HeldOutLists]:
    """Return the features of all rows, and the lists that they belong to, with their gains."""
    with np.load(file) as stored:
        return stored["features"], HeldOutLists(stored["page"], stored["size"], stored["gain"])


def _gains(listed: NDArray[np.uint64], events: list[Event]) -> NDArray[np.float32]:
    """Return how much readers chose each page of a list; chosen pages that it lacks do not count. Judged pairs: 0."""
    if not len(listed) or not events or events[0].time is None:
        return np.zeros(len(listed), np.float32)
    shown = np.concatenate([event.shown for event in events])
    gain = np.concatenate([event.gain for event in events])
    order = np.argsort(listed)
    found = order[np.minimum(np.searchsorted(listed, shown, sorter=order), len(listed) - 1)]
    known = listed[found] == shown
    return np.bincount(found[known], gain[known], len(listed)).astype(np.float32)


def _key(at: float) -> float:
    return 0.0 if math.isnan(at) else at
