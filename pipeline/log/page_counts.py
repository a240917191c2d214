"""Adds the log's counts to the facts of pages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

_TABLES = ("page_clicks", "page_flow", "page_shows")


def set_counts(facts: NDArray[np.void], counted: Path) -> None:
    """Write the counts of one directory of the step `counts` into `facts` (dtype FACTS, in order of PageId)."""
    for name in _TABLES:
        counts = pq.read_table(counted / f"{name}.parquet")
        rows = np.searchsorted(facts["page"], counts["page"].to_numpy())
        for column in set(counts.column_names) - {"page", "last"}:
            facts[column] = 0
            facts[column][rows] = counts[column].to_numpy()
