"""What the contracts share: how Hypothesis runs, and how candidates are compared."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray

from cascade.types import Candidates, Column, Query
from corpus.urls.url import page_id

#: Few examples, since a plug-in may call a server; the same ones in every run. Fixtures are shared by the examples.
few_examples = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.differing_executors,
        HealthCheck.too_slow,
    ],
)

NO_ROWS = np.empty(0, np.intp)


def query_for(url: str) -> Query:
    """Return the query of a reader who is on the page `url` (canonical)."""
    return Query(url, page_id(url))


def copied(candidates: Candidates) -> Candidates:
    """Return a copy that shares no memory with the candidates."""
    return Candidates(candidates.pages.copy(), {name: column.copy() for name, column in candidates.columns.items()})


def rows(indexes: list[int]) -> NDArray[np.intp]:
    """Return row indexes as `Candidates.take` wants them."""
    return np.array(indexes, np.intp)


def same(first: Column, second: Column, tolerance: float = 0.0) -> bool:
    """Whether two columns hold the same values; NaN equals NaN, and floats may differ by `tolerance`."""
    if first.shape != second.shape or first.dtype != second.dtype:
        return False
    if first.dtype.kind == "f":
        return bool(np.allclose(first, second, rtol=0.0, atol=tolerance, equal_nan=True))
    return bool(first.tolist() == second.tolist())


def differences(first: Candidates, second: Candidates) -> list[str]:
    """Return which of `pages` and the columns differ between two lists of candidates."""
    names = {*first.columns, *second.columns}
    differing = [
        name
        for name in names
        if name not in first.columns or name not in second.columns or not same(first[name], second[name])
    ]
    return sorted(differing) if same(first.pages, second.pages) else ["pages", *sorted(differing)]
