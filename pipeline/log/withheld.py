"""Withholds the log of some pages from the features that rankers learn from: they stand for pages that are new.

On a site with many new pages the rankers meet them only when serving. Pages whose past is hidden show them what text
and similar pages are worth on their own (DropoutNet; Volkovs et al., 2017).
"""

from __future__ import annotations

import ibis
import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from configs.threads import used
from corpus.log.engine import connect
from pipeline.log.split import split_of
from pipeline.runner.work import Work

_FEW = 0.15  # so many pages that nobody visits are usual: pages that nothing links to
_PARTS = 1_000  # a PageId is a hash, so its remainder is random


def withheld_pages(work: Work) -> NDArray[np.uint64]:
    """Return the pages whose clicks and impressions are hidden before the label window, uint64."""
    pages = pq.read_table(work.of("read") / "pages.parquet", columns=["page"])["page"].to_numpy()
    missed = _missed_share(work, pages)
    share = min(missed, work.config.examples.most_withheld) if missed >= _FEW else 0.0
    hidden: NDArray[np.uint64] = pages[(pages // np.uint64(2)) % np.uint64(_PARTS) < round(share * _PARTS)]
    return hidden  # the last bit of a PageId tells its half (pipeline.log.events), so it is left out


def _missed_share(work: Work, pages: NDArray[np.uint64]) -> float:
    """Return the share of pages that look new, less the share of those that are new in the label window anyway."""
    labels_from = split_of(work).get("labels_from")
    if labels_from is None or not len(pages):
        return 0.0
    engine = connect(threads=used(), memory=work.config.engine.memory)
    clicks, impressions = (
        engine.read_parquet(str(work.of("read") / f"{name}.parquet")) for name in ("clicks", "impressions")
    )
    known = (clicks.time < ibis.literal(labels_from, type=clicks.time.type())).any()
    clicked = clicks.group_by("page").aggregate(times=clicks.count(), known=known).to_pyarrow()
    shown = impressions.select("page2").distinct().to_pyarrow()["page2"].to_numpy()
    unseen = int((~np.isin(pages, clicked["page"].to_numpy()) & ~np.isin(pages, shown)).sum())
    late = int(pc.sum(pc.invert(clicked["known"]), min_count=0).as_py()) / max(len(clicked), 1)
    return max(0.0, (unseen - _missed_by_chance(clicked["times"].to_numpy())) / len(pages) - late)


def _missed_by_chance(times: NDArray[np.int64]) -> float:
    """Return how many pages a log of this size would not contain although readers go there.

    `times` is how often each page was clicked. Chao's estimate from those seen once and twice (Chao, 1984).
    """
    once, twice = (times == 1).sum(), (times == 2).sum()
    return float(once * (once - 1) / (2 * (twice + 1)))
