"""One row of the `coclick` table: the neighbours of a page, with all counts of each pair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: One neighbour B of the row's page A. Counts are for A -> B unless the name has `back` (B -> A).
NEIGHBOUR = np.dtype(
    [
        ("page", "<u8"),
        ("next_1", "<u2"),  # B came directly after A in a session, last day
        ("next_7", "<u2"),
        ("next_28", "<u2"),
        ("next_all", "<u2"),
        ("back_all", "<u2"),
        ("shown_7", "<u2"),  # B was shown as a recommendation on A
        ("shown_28", "<u2"),
        ("shown_all", "<u2"),
        ("shown_back", "<u2"),
        ("chosen_7", "<u2"),  # B was clicked when shown on A
        ("chosen_28", "<u2"),
        ("chosen_all", "<u2"),
        ("after_7", "<u2"),  # sessions with B anywhere after A
        ("after_28", "<u2"),
        ("after_all", "<u2"),
        ("together_7", "<u2"),  # sessions with A and B
        ("together_28", "<u2"),
        ("together_all", "<u2"),
        ("near", "<f2"),  # B after A in one session, weighted by nearness
        ("near_back", "<f2"),
        ("after_back", "<f2"),  # sessions with A anywhere after B, less for long ones
        ("cosine", "<f2"),  # of A and B over sessions
        ("lift", "<f2"),  # sessions with both, over what chance expects
        ("swing", "<f4"),  # TRAWL, equation 1: sessions with both that have little else in common
        ("borrowed_next", "<f2"),  # rate of B after A and after pages with text similar to A's
        ("borrowed_back", "<f2"),
        ("borrowed_after", "<f2"),  # as borrowed_next, with B anywhere after
        ("borrowed_together", "<f2"),  # and with B in the same session
        ("borrowed_shown", "<f2"),
        ("borrowed_shown_back", "<f2"),
        ("spread_next", "<f2"),  # rate after A of B and of pages with text similar to B's
        ("spread_shown", "<f2"),
        ("spread_together", "<f2"),
        ("affinity", "<f4"),  # the sort key of the row
    ]
)

FIELDS = tuple(name for name in NEIGHBOUR.names or () if name != "page")
#: Fields that count actions of readers, weighted or not.
COUNTS = frozenset(name for name in FIELDS if NEIGHBOUR[name].kind == "u") | {"near", "near_back", "after_back"}
#: Fields derived from counts, including those of other pages: they may reveal a single reader's step.
RATES = frozenset(FIELDS) - COUNTS
_WEIGHED = tuple(name for name in FIELDS if NEIGHBOUR[name].kind == "f")


def read(row: bytes) -> NDArray[np.void]:
    """Return the neighbours of a page, best first, dtype NEIGHBOUR."""
    return np.frombuffer(row, NEIGHBOUR)


def is_row(page: int, row: bytes) -> bool:
    """Whether the bytes are a valid row of a page: complete, without duplicates, best first, with valid numbers."""
    if len(row) % NEIGHBOUR.itemsize or not row:
        return False
    neighbours = read(row)
    rates = np.stack([neighbours[name].astype(np.float32) for name in _WEIGHED])
    in_order = np.all(neighbours["affinity"][1:] <= neighbours["affinity"][:-1])
    each_once = len(np.unique(neighbours["page"])) == len(neighbours)
    return bool(np.isfinite(rates).all() and (rates >= 0).all() and in_order and each_once)
