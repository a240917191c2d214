"""Merges the candidates of the recall paths: one row per page, with the rank and columns of every path."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cascade.executor import NOT_RECALLED, RANK
from cascade.types import Candidates, Column
from recall.paths import COLUMNS


def merge(recalled: Mapping[str, Candidates]) -> Candidates:
    """Return the union of the candidates, in ascending order of PageId.

    Adds `rank_<path>` (uint16, 0 is the path's best, NOT_RECALLED where it did not find the page).
    A path's own columns hold the value that it declares on rows that it did not find; 0 where it declares none.
    """
    if not any(len(part) for part in recalled.values()):
        return Candidates.empty()
    pages = np.unique(np.concatenate([part.pages for part in recalled.values()]))
    columns: dict[str, Column] = {}
    for path, part in recalled.items():
        rows = np.searchsorted(pages, part.pages)
        rank = np.full(len(pages), NOT_RECALLED, np.uint16)
        rank[rows] = np.arange(len(part), dtype=np.uint16)
        columns[f"{RANK}{path}"] = rank
        for name, values in part.columns.items():
            column = np.zeros(len(pages), values.dtype)
            if name in COLUMNS:
                column.fill(COLUMNS[name])
            column[rows] = values
            columns[name] = column
    return Candidates(pages, columns)
