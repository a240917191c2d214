"""What the session network reads of one answer, the same in training and serving.

Pages are rows of a `PageVectors`; row 0 is a page that it does not have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranking.session.config import HISTORY

#: One number per candidate, beside the vectors. Visits are those of the reader's way.
FEATURES = ("seen", "last", "followed", "steps", "clicks", "clicks_by_steps")

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PageVectors:
    """The vectors and clicks of pages; `vectors[0]` and `clicks[0]` are those of an unknown page."""

    pages: NDArray[np.uint64]  # ascending
    vectors: NDArray[np.float16]  # [pages + 1, width]
    clicks: Floats  # [pages + 1], on a log scale, mean 0 and deviation 1

    def rows(self, pages: NDArray[np.uint64]) -> Rows:
        """Return the row of each page, 0 where it has none; shape as given."""
        if not len(self.pages):
            return np.zeros(pages.shape, np.int64)
        place = np.minimum(np.searchsorted(self.pages, pages), len(self.pages) - 1)
        return np.where(self.pages[place] == pages, place + 1, 0)

    def inputs(self, trigger: Rows, history: Rows, candidates: Rows) -> dict[str, Floats]:
        """Return the network's inputs for a batch: trigger [b], history [b, HISTORY] newest last, candidates [b, c]."""
        return {
            "trigger": self.vectors[trigger].astype(np.float32),
            "history": self.vectors[history].astype(np.float32),
            "known": (history > 0).astype(np.float32),
            "candidates": self.vectors[candidates].astype(np.float32),
            "features": features(trigger, history, candidates, self.clicks),
        }


def padded(history: Rows) -> Rows:
    """Return the newest HISTORY rows of a way, newest last, with zeros before them."""
    newest = history[-HISTORY:]
    return np.concatenate([np.zeros(HISTORY - len(newest), np.int64), newest])


def log_clicks(clicks: NDArray[np.integer]) -> Floats:
    """Return clicks as `PageVectors` holds them, with that of an unknown page first."""
    logs: Floats = np.log1p(np.concatenate([[0], clicks]).astype(np.float32))
    scaled: Floats = (logs - logs.mean()) / max(float(logs.std()), 1e-6)
    return scaled


def features(trigger: Rows, history: Rows, candidates: Rows, clicks: Floats) -> Floats:
    """Return FEATURES of each candidate, [b, c, 6]: readers start at hubs, go deeper step by step, and turn back."""
    same = (candidates[:, :, None] == history[:, None, :]) & (history > 0)[:, None, :]
    after_trigger = (history[:, None, :-1] == trigger[:, None, None]) & same[:, :, 1:]
    steps = np.log1p((history > 0).sum(axis=1, keepdims=True)).astype(np.float32)
    popular = clicks[candidates]
    columns = (
        same.any(axis=2), same[:, :, -1], after_trigger.any(axis=2),
        np.broadcast_to(steps, candidates.shape), popular, popular * steps,
    )  # fmt: skip
    return np.stack(columns, axis=2).astype(np.float32)
