"""The lists of pages that stage 2 does not learn from: the blend's μ, σ and λ come from them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cascade.types import Candidates, Query
from ranking.event import Event
from ranking.examples import by_page, hours
from ranking.features import STAGE2, Matrix
from ranking.quality_weight import HeldOutLists

_FILE = "held_out.npz"


class ListRecorder:
    """Records each page's candidates as serving sees them, shown or not, once a day."""

    def __init__(self) -> None:
        self._lists: dict[tuple[int, float], tuple[NDArray[np.uint64], Matrix]] = {}

    def __len__(self) -> int:
        return len(self._lists)

    def add(self, query: Query, candidates: Candidates, features: Matrix) -> None:
        """Add the candidates of the query's page at its time."""
        self._lists[query.page, _key(query.at)] = candidates.pages, features

    def save(self, directory: Path, days: list[list[Event]], learnt: bool = False) -> None:
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
            directory / _FILE,
            features=np.concatenate(features),
            candidate=np.concatenate(candidates),
            gain=np.concatenate(gains),
            page=np.array(pages, np.uint64),
            size=np.array(sizes, np.int32),
            begin=np.array(begins, np.float64),
        )


def read_lists(directory: Path) -> tuple[Matrix, HeldOutLists]:
    """Return the features of all rows, and the lists that they belong to."""
    with np.load(directory / _FILE) as stored:
        return stored["features"], HeldOutLists(stored["page"], stored["size"], stored["gain"])


def read_candidates(directory: Path) -> NDArray[np.uint64]:
    """Return the PageId of each row."""
    with np.load(directory / _FILE) as stored:
        candidates: NDArray[np.uint64] = stored["candidate"]
    return candidates


def read_begins(directory: Path) -> NDArray[np.float64]:
    """Return of each list when its page was first asked that day, in hours since 1970: it counts no later event."""
    with np.load(directory / _FILE) as stored:
        begins: NDArray[np.float64] = stored["begin"]
    return begins


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
