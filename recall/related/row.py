"""One row of the `related` table: the pages that belong to a page by what both say, best first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: One neighbour B of the row's page A.
NEIGHBOUR = np.dtype(
    [
        ("page", "<u8"),
        ("related_score", "<f4"),  # the weighted sum of the others: the sort key of the row, above 0
        ("related_cosine", "<f2"),  # of the encoder's vectors of title and snippet
        ("related_opening", "<f2"),  # of those of the tokens that the cross-encoder reads: the title counts more
        ("related_terms", "<f2"),  # of the words of all text, weighted by BM25
        ("related_title", "<f2"),  # BM25 of A's title in B's text, as a share of the title's best
        ("related_titled", "<f2"),  # BM25 of B's title in A's text
        ("related_mentions", "<f2"),  # how distinctly A's text names or links B, log scale
        ("related_mentioned", "<f2"),  # how distinctly B's text names or links A
    ]
)

FIELDS = tuple(name for name in NEIGHBOUR.names or () if name != "page")


def read(row: bytes) -> NDArray[np.void]:
    """Return the neighbours of a page, best first, dtype NEIGHBOUR."""
    return np.frombuffer(row, NEIGHBOUR)


def is_row(page: int, row: bytes) -> bool:
    """Whether the bytes are a valid row of a page: complete, without duplicates or itself, best first, finite."""
    if len(row) % NEIGHBOUR.itemsize or not row:
        return False
    neighbours = read(row)
    finite = all(np.isfinite(neighbours[name].astype(np.float32)).all() for name in FIELDS)
    in_order = np.all(neighbours["related_score"][1:] <= neighbours["related_score"][:-1])
    each_once = len(np.unique(neighbours["page"])) == len(neighbours)
    return bool(finite and in_order and each_once and not (neighbours["page"] == np.uint64(page)).any())
