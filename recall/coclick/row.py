"""One row of the `coclick` table: the neighbours of a page with all that the log says of the pair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: One neighbour B of the row's page A. Counts are of A -> B unless the name says `back` (B -> A).
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
        ("near", "<f2"),  # B after A in one session, weighed by nearness
        ("near_back", "<f2"),
        ("borrowed_next", "<f2"),  # rate of B after A and after pages whose text is like A's
        ("borrowed_back", "<f2"),
        ("borrowed_shown", "<f2"),
        ("borrowed_shown_back", "<f2"),
        ("spread_next", "<f2"),  # rate after A of B and of pages whose text is like B's
        ("spread_shown", "<f2"),
        ("affinity", "<f4"),  # the order of the row
    ]
)

FIELDS = tuple(name for name in NEIGHBOUR.names or () if name != "page")
#: Fields that count what readers did, also where they weigh it.
COUNTS = frozenset(name for name in FIELDS if NEIGHBOUR[name].kind == "u") | {"near", "near_back"}
#: Fields made of counts, of other pages' too: one reader's step may be told from them.
RATES = frozenset(FIELDS) - COUNTS
_WEIGHED = tuple(name for name in FIELDS if NEIGHBOUR[name].kind == "f")


def read(row: bytes) -> NDArray[np.void]:
    """Return the neighbours of a page, best first, dtype NEIGHBOUR."""
    return np.frombuffer(row, NEIGHBOUR)


def is_row(page: int, row: bytes) -> bool:
    """Whether these can be neighbours of a page: whole ones, each once, best first, with numbers that are some."""
    if len(row) % NEIGHBOUR.itemsize or not row:
        return False
    neighbours = read(row)
    rates = np.stack([neighbours[name].astype(np.float32) for name in _WEIGHED])
    in_order = np.all(neighbours["affinity"][1:] <= neighbours["affinity"][:-1])
    each_once = len(np.unique(neighbours["page"])) == len(neighbours)
    return bool(np.isfinite(rates).all() and (rates >= 0).all() and in_order and each_once)
