"""The PageIds of all pages."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.runner.work import Work


def page_ids(work: Work) -> NDArray[np.uint64]:
    """Return the PageIds of the page table, ascending."""
    ids: NDArray[np.uint64] = pq.read_table(work.of("read") / "pages.parquet", columns=["page"])["page"].to_numpy()
    return ids
