"""The training data of teachers and student: triplets of past impressions and labelled pairs, as page-table rows."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.log.events import past_impressions
from pipeline.runner.work import Work
from ranking.cross_encoder.examples import Labels, Triplets


def labels(work: Work, pages: NDArray[np.uint64]) -> Labels:
    """Return the pairs labelled by the input or the judge, without those set aside for the ranker."""
    table = pq.read_table(work.of("labels") / "labels.parquet", filters=~pc.field("set_aside"))
    page1, page2 = (np.searchsorted(pages, table[name].to_numpy()) for name in ("page1", "page2"))
    given = pc.equal(table["source"], "input").to_numpy()
    return Labels(page1, page2, table["quality"].to_numpy(), given)


def triplets(work: Work, pages: NDArray[np.uint64], labelled: Labels) -> Triplets:
    """Return clicked and skipped pages of past impressions; without impressions, better and worse labelled pages."""
    table = past_impressions(work)
    clicked = table.filter(table["clicked"]).select(["impression", "page1", "page2"])
    unclicked = table.filter(pc.invert(table["clicked"])).select(["impression", "page2"])
    unclicked = unclicked.rename_columns(["impression", "unclicked"])
    joined = clicked.join(unclicked, "impression", join_type="inner")
    if len(joined) == 0:
        return _of_labels(labelled)
    counted = joined.group_by(["page1", "page2", "unclicked"]).aggregate([([], "count_all")])
    counted = counted.sort_by([("page1", "ascending"), ("page2", "ascending"), ("unclicked", "ascending")])
    page, chosen, other = (np.searchsorted(pages, counted[name].to_numpy()) for name in ("page1", "page2", "unclicked"))
    # The paper weights a triplet seen f times by log f, which drops those seen once; log(1 + f) keeps them.
    weight = np.log1p(counted["count_all"].to_numpy())
    return Triplets(page, chosen, other, (weight / weight.mean()).astype(np.float32))


def _of_labels(labelled: Labels) -> Triplets:
    order = np.lexsort((labelled.quality, labelled.page1))
    first, second = order[:-1], order[1:]
    apart = (labelled.page1[first] == labelled.page1[second]) & (
        labelled.quality[second] - labelled.quality[first] >= 0.5
    )
    first, second = first[apart], second[apart]
    ones = np.ones(len(first), np.float32)
    return Triplets(labelled.page1[first], labelled.page2[second], labelled.page2[first], ones)
