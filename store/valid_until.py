"""Until when pages may be shown: a small file in the bundle, with only the pages that have an end."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from store.bundle import Bundle

#: The bundle's file; older bundles have none. It is not under `tables/`, since those may be served from Redis.
FILE = "identity/valid_until.npy"


@dataclass(frozen=True, slots=True)
class ValidUntil:
    """The ends of pages, in seconds since 1970; `pages` (PageIds) ascend."""

    pages: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    ends: NDArray[np.float64] = field(default_factory=lambda: np.empty(0, np.float64))

    def of(self, pages: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Return the end of each page; infinity where it has none."""
        if len(self.pages) == 0:
            return np.full(len(pages), np.inf)
        places = np.minimum(np.searchsorted(self.pages, pages), len(self.pages) - 1)
        return np.where(self.pages[places] == pages, self.ends[places], np.inf)


def write_valid_until(path: Path, pages: NDArray[np.uint64], ends: NDArray[np.float64]) -> int:
    """Write the pages with an end (seconds since 1970, NaN: none); return their number."""
    has_end = np.flatnonzero(~np.isnan(ends))
    order = has_end[np.argsort(pages[has_end])]
    rows = np.empty(len(order), [("page", "<u8"), ("end", "<f8")])
    rows["page"], rows["end"] = pages[order], ends[order]
    np.save(path, rows)
    return len(rows)


def open_valid_until(bundle: Bundle) -> ValidUntil:
    """Return the ends of a verified bundle's pages; none where an older build wrote no file."""
    if FILE not in bundle.manifest.files:
        return ValidUntil()
    rows = np.load(bundle.file(FILE))
    return ValidUntil(rows["page"].copy(), rows["end"].copy())
