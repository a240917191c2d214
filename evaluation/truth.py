"""Sources of the true quality of pairs: judged pairs in a file, or the simulated web."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from corpus.schema import InputError
from corpus.simulated_web import judge
from corpus.simulated_web import truth as simulated
from corpus.simulated_web.pages import Web
from corpus.simulated_web.quality import click_chance, pair_quality
from corpus.tables.reader import read
from corpus.urls.url import page_ids
from corpus.urls.url_rules import RULES, UrlRules
from evaluation.held_out import write_pages
from store.tables import LmdbTable

#: (web, page numbers, page numbers) -> quality, 0 to 4.
_OfPairs = Callable[[Web, NDArray[np.int64], NDArray[np.int64]], NDArray[np.floating]]


class Truth(Protocol):
    """Returns how good pages are after another page."""

    @property
    def name(self) -> str: ...

    def quality(self, page1: int, page2: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Return the quality, 0 to 4, of each page after `page1`; NaN if unknown."""
        ...

    def click_chance(self, page1: int, answer: NDArray[np.uint64]) -> float:
        """Return the probability that a reader clicks any page of an answer; NaN if unknown."""
        ...


class JudgedPairs:
    """The qualities of judged pairs; the mean for a pair that was judged more than once."""

    def __init__(self, page1: NDArray[np.uint64], page2: NDArray[np.uint64], quality: NDArray[np.floating]) -> None:
        pairs, row = np.unique(np.stack([page1, page2], axis=1), axis=0, return_inverse=True)
        self._page1, self._page2 = pairs.T
        self._quality = np.bincount(row.ravel(), quality) / np.bincount(row.ravel())
        self.name = f"{len(pairs):,} judged pairs"

    def quality(self, page1: int, page2: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Return the judged quality of each pair; NaN for unjudged ones."""
        first, end = (np.searchsorted(self._page1, np.uint64(page1), side=side) for side in ("left", "right"))
        known, quality = self._page2[first:end], self._quality[first:end]
        if len(known) == 0:
            return np.full(len(page2), np.nan)
        row = np.minimum(np.searchsorted(known, page2), len(known) - 1)
        return np.where(known[row] == page2, quality[row], np.nan)

    def click_chance(self, page1: int, answer: NDArray[np.uint64]) -> float:
        """Return NaN: a judge does not predict clicks."""
        return float("nan")


class SimulatedTruth:
    """The true quality of every pair of a simulated web, and its readers' click probabilities."""

    name = "the simulated web"

    def __init__(self, web: Web, urls: list[str]) -> None:
        ids = page_ids(urls)
        order = np.argsort(ids)
        self._web, self._ids, self._number = web, ids[order], order

    def quality(self, page1: int, page2: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Return the true quality of each pair; NaN for pages of another web."""
        return self._of_pairs(pair_quality, page1, page2)

    def click_chance(self, page1: int, answer: NDArray[np.uint64]) -> float:
        """Return the probability of at least one click; NaN for a trigger of another web."""
        trigger = self._numbers(np.array([page1], np.uint64))
        if trigger[0] < 0:
            return float("nan")
        return float(click_chance(self._web, trigger, self._numbers(answer)[None, :])[0])

    def judged(self, page1: int, page2: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Return what the web's judge says of each pair; NaN for a page of another web."""
        return self._of_pairs(judge.score_pairs, page1, page2)

    def _of_pairs(self, of: _OfPairs, page1: int, page2: NDArray[np.uint64]) -> NDArray[np.float64]:
        trigger, pages = self._numbers(np.array([page1], np.uint64)), self._numbers(page2)
        quality = of(self._web, np.broadcast_to(trigger, pages.shape), pages)
        return np.where((trigger >= 0) & (pages >= 0), quality, np.nan)

    def _numbers(self, pages: NDArray[np.uint64]) -> NDArray[np.int64]:
        row = np.minimum(np.searchsorted(self._ids, pages), len(self._ids) - 1)
        return np.where(self._ids[row] == pages, self._number[row], -1)


class SimulatedJudge:
    """What a site on a simulated web can observe: the judge's quality, but no click probabilities."""

    name = "the simulated web's judge"

    def __init__(self, truth: SimulatedTruth) -> None:
        self._truth = truth

    def quality(self, page1: int, page2: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Return the quality that the judge gives each pair."""
        return self._truth.judged(page1, page2)

    def click_chance(self, page1: int, answer: NDArray[np.uint64]) -> float:
        """Return NaN: a judge does not predict clicks."""
        return float("nan")


def observable(truth: Truth) -> Truth:
    """Return the part of a truth that a site can observe, for choosing λ; the truth itself is for measuring."""
    return SimulatedJudge(truth) if isinstance(truth, SimulatedTruth) else truth


def open_truth(path: Path, pages: LmdbTable, rules: UrlRules) -> Truth:
    """Open a table of judged pairs (url1, url2, quality) or the `web.parquet` of a simulated web.

    Pairs of pages that the bundle does not have are left out. Raises InputError when no pair is left.
    """
    return truth_of_pages(path, partial(write_pages, pages), rules)


def truth_of_pages(path: Path, write: Callable[[Path], None], rules: UrlRules = RULES) -> Truth:
    """Open a truth as `open_truth` does; `write` writes the pages as an input table, where that is needed."""
    if path.is_file() and path.name.endswith(".parquet") and simulated.is_web(path):
        return SimulatedTruth(*simulated.read(path))
    with TemporaryDirectory(prefix="onward-truth-") as name:
        directory = Path(name)
        write(directory / "listed.parquet")
        read({"pages": directory / "listed.parquet", "labels": path}, directory, None, rules)
        table = pq.read_table(directory / "labels.parquet")
    if len(table) == 0:
        raise InputError(f"{path} has no pair of these pages: give url1, url2 and quality of pages of this site")
    return JudgedPairs(*(table[column].to_numpy() for column in ("page1", "page2", "quality")))
