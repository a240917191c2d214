"""What a session says of each of its pages: which other pages its reader went on to, and how far away they were."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Wanted:
    """The other pages of a session, as seen from one of its pages."""

    pages: NDArray[np.uint64]  # each once
    grade: NDArray[np.float64]  # in (0, 1]: how much the session wants it
    passed: NDArray[np.uint64]  # pages that the reader had seen before and did not come back to: neither wanted nor not


def wanted(page: NDArray[np.uint64], place: NDArray[np.int32], row: int, decay: float | None) -> Wanted:
    """Return what a session (its pages, with their places in it, in order) wants on the page of a row.

    Pages d places later have grade decay ** (d - 1). Without `decay` (order means little) every other page has grade
    1.
    """
    other = page != page[row]
    if decay is None:
        pages = np.unique(page[other])
        return Wanted(pages, np.ones(len(pages)), np.empty(0, np.uint64))
    later = other & (place > place[row])
    pages, first = np.unique(page[later], return_index=True)
    distance = place[later][first] - place[row]
    return Wanted(pages, decay ** (distance - 1.0), np.setdiff1d(page[other], pages))
