"""Chooses the pairs to judge, like the paper's golden set: from the log, from recall, hard ones, and random ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.stats import rankdata

from corpus.label_split import is_training
from pipeline.log.events import past_impressions
from pipeline.log.split import PAST
from pipeline.runner.work import Work
from recall import ann

_NEIGHBOURS = 20
_PRIOR = 5.0  # impressions at the mean click rate, added to every pair: one impression is weak evidence

#: (pairs, 2) PageIds.
PagePairs = NDArray[np.uint64]
_NONE: PagePairs = np.empty((0, 2), np.uint64)

#: (first pages, second pages) -> quality, 0 to 4.
Rubric = Callable[[NDArray[np.uint64], NDArray[np.uint64]], NDArray[np.float32]]


def pairs_to_judge(work: Work, pages: NDArray[np.uint64], rubric: Rubric) -> PagePairs:
    """Return distinct pairs of training pages, at most a quarter of `labels.judged` of each kind."""
    generator = np.random.default_rng(work.config.seed)
    share = of_each_kind(work)
    taught = pages[is_training(pages, work.config.held_out_share)]
    strangers = np.stack([generator.choice(of, share) for of in (taught, pages)], axis=1) if len(taught) else _NONE
    sources = (_teaching(work, _from_log(work)), _teaching(work, _recalled(work)), strangers)
    parts = [source[generator.permutation(len(source))[:share]] for source in sources]
    pairs = np.unique(np.concatenate([*parts, hard_pairs(work, rubric, share)]), axis=0)
    different: PagePairs = pairs[pairs[:, 0] != pairs[:, 1]]
    return different


def of_each_kind(work: Work) -> int:
    """Return the maximum number of pairs of each kind."""
    return work.config.labels.judged // 4


def hard_pairs(work: Work, rubric: Rubric, most: int) -> PagePairs:
    """Return the shown pairs whose ranks by click rate and by rubric differ most, largest difference first."""
    shown = past_impressions(work)
    shown = shown.filter(pa.array(is_training(_ids(shown, "page1"), work.config.held_out_share)))
    if len(shown) == 0:
        return _NONE
    counted = shown.group_by(["page1", "page2"]).aggregate([("clicked", "sum"), ([], "count_all")])
    page1, page2 = (_ids(counted, name) for name in ("page1", "page2"))
    clicks, times = counted["clicked_sum"].to_numpy(), counted["count_all"].to_numpy()
    mean = clicks.sum() / times.sum()
    rate = (clicks + _PRIOR * mean) / (times + _PRIOR)
    apart = np.abs(rankdata(rate) - rankdata(rubric(page1, page2)))
    chosen = np.lexsort((page2, page1, -apart))[:most]
    return np.stack([page1[chosen], page2[chosen]], axis=1)


def _teaching(work: Work, pairs: PagePairs) -> PagePairs:
    chosen: PagePairs = pairs[is_training(pairs[:, 0], work.config.held_out_share)]
    return chosen


def _ids(table: pa.Table, name: str) -> NDArray[np.uint64]:
    ids: NDArray[np.uint64] = table[name].to_numpy().astype(np.uint64)
    return ids


def _from_log(work: Work) -> PagePairs:
    evidence = pq.read_table(work.of("counts") / PAST / "evidence.parquet", columns=["page1", "page2"])
    return np.stack([evidence["page1"].to_numpy(), evidence["page2"].to_numpy()], axis=1)


def _recalled(work: Work) -> PagePairs:
    """Return each page paired with the pages that the towers find for it."""
    index = ann.load(work.of("two_tower") / "pages")
    queries = np.load(work.of("two_tower") / "queries.npy").astype(np.float32)
    _, rows = index.nearest_rows(queries, _NEIGHBOURS)
    first, second = np.repeat(index.pages, rows.shape[1]), rows.ravel()
    return np.stack([first[second >= 0], index.pages[second[second >= 0]]], axis=1)  # -1: fewer pages than requested
