"""Merges the candidates of the recall paths: one row per page, with the rank and columns of every path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cascade.executor import NOT_RECALLED, RANK
from cascade.types import Candidates, Column
from recall.paths import COLUMNS


def merge(recalled: Mapping[str, Candidates]) -> Candidates:
    """Return the union of the candidates, in ascending order of PageId.

    Adds `rank_<path>` (uint16, 0 is the path's best, NOT_RECALLED where it did not find the page).
    A path's own columns hold the value that it declares on rows that it did not find; 0 where it declares none.
    A column whose type cannot hold that value becomes float32.
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
            absent = COLUMNS.get(name, 0)
            column = np.zeros(len(pages), values.dtype if _holds(values.dtype, absent) else np.float32)
            if absent != 0:
                column.fill(absent)
            column[rows] = values
            columns[name] = column
    return Candidates(pages, columns)


def _holds(dtype: np.dtype[Any], value: float) -> bool:
    """Return whether a column can have the value; of integers and truth values only 0 is sure."""
    return dtype.kind == "f" or value == 0
