"""Builds the `related` table: scores pairs of pages by their text, and keeps each page's best neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recall.related.config import RelatedConfig
from recall.related.row import FIELDS, NEIGHBOUR
from recall.related.signals import Signals
from store.page_row import near_duplicate

_DEEP = 4  # times the neighbours of a row: how many each signal proposes, since copies take places
_SPARE = 2  # times as many as are wanted
_LEAST = np.float32(1e-3)  # a stored score is above that of a page without one


class PageFacts:
    """What decides whether a page can be answered for another one: columns of the pages table, in its order."""

    def __init__(self, table: pa.Table, copy: NDArray[np.uint64]) -> None:
        self._address, self._print = table["address"].to_numpy(), table["fingerprint"].to_numpy()
        self._copy = copy
        self._spam = table["spam"].to_numpy()
        languages = np.array(table["language"].to_pylist(), np.str_)
        self._language = languages

    def answerable(self, page: int, others: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which pages serving would keep for `page`: no spam, no copies of it, none in another language."""
        language, own = self._language[others], self._language[page]
        kept = ~self._spam[others] & ((language == own) | (language == "") | (own == ""))
        return np.asarray(kept & ~self._copies(page, others))

    def distinct(self, rows: NDArray[np.int64], most: int) -> list[int]:
        """Return the places of the first `most` of the pages, without copies of ones that are kept."""
        kept: list[int] = []
        size = _SPARE * most  # a block: one page after another would take many times as long
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            within = self._copies(part[:, None], part)
            free = np.flatnonzero(~self._copies(part[:, None], rows[kept]).any(axis=1))
            chosen: list[int] = []
            for place in free.tolist():
                if not within[place, chosen].any():
                    chosen.append(place)
            kept += [start + place for place in chosen]
            if len(kept) >= most:
                break
        return kept[:most]

    def _copies(self, page: int | NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
        copies = near_duplicate(self._print[others], self._print[page])
        copies |= self._address[others] == self._address[page]
        copies |= (self._copy[others] == self._copy[page]) & (self._copy[page] != 0)
        return np.asarray(copies)


def rows(
    signals: Signals, facts: PageFacts, config: RelatedConfig, progress: Callable[[int], None]
) -> Iterator[tuple[int, bytes]]:
    """Yield (page, row) of every page that has neighbours, in order of the pages."""
    weights = asdict(config.weights)
    for start, end in signals.blocks():
        (row, candidate), values = signals.block(start, end, _DEEP * config.neighbours)
        score = np.zeros(len(row), np.float32)
        for name, weight in weights.items():
            score += np.float32(weight) * values[name]
        order = np.lexsort((candidate, -score, row))
        bounds = np.searchsorted(row[order], np.arange(end - start + 1))
        for own in range(end - start):
            best = order[bounds[own] : bounds[own + 1]]
            best = best[facts.answerable(start + own, candidate[best])]
            kept = best[facts.distinct(candidate[best], config.neighbours)]
            if len(kept):
                pages = signals.pages[candidate[kept]]
                yield int(signals.pages[start + own]), _packed(pages, score[kept], values, kept)
        progress(end)


def _packed(
    pages: NDArray[np.uint64],
    score: NDArray[np.float32],
    values: dict[str, NDArray[np.float32]],
    kept: NDArray[np.intp],
) -> bytes:
    row = np.empty(len(pages), NEIGHBOUR)
    row["page"], row["related_score"] = pages, np.maximum(score, _LEAST)
    for field in FIELDS[1:]:
        row[field] = values[field.removeprefix("related_")][kept]
    return row.tobytes()
