"""What the session network reads of one answer, the same in training and serving.

Pages are rows of a `PageVectors`; row 0 is a page that it does not have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranking.session.config import HISTORY

#: One number per candidate, beside the vectors. Visits are those of the reader's way; nearness is a cosine of texts.
FEATURES = (
    "seen", "last", "followed", "steps", "clicks", "clicks_by_steps",
    "near_all", "near_last", "nearest", "near_trigger", "drift", "near_recent",
)  # fmt: skip
_FORGETS = 0.7  # per step back: what a page of the way counts in `near_recent`
_MOST = 4.0  # of a logit that multiplies a count
_TEXT_SCALE = 2.0  # of the text's vector of length 1, beside what training learns

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PageVectors:
    """What is known of pages; row 0 of each array is an unknown page."""

    pages: NDArray[np.uint64]  # ascending
    text: NDArray[np.float16]  # [pages + 1, t], of length 1: what the page's text says
    learnt: NDArray[np.float16]  # [pages + 1, i]: what training learnt of the page; 0 where it has not seen it
    clicks: Floats  # [pages + 1], on a log scale, mean 0 and deviation 1

    def rows(self, pages: NDArray[np.uint64]) -> Rows:
        """Return the row of each page, 0 where it has none; shape as given."""
        if not len(self.pages):
            return np.zeros(pages.shape, np.int64)
        place = np.minimum(np.searchsorted(self.pages, pages), len(self.pages) - 1)
        return np.where(self.pages[place] == pages, place + 1, 0)

    def inputs(self, trigger: Rows, history: Rows, candidates: Rows) -> dict[str, Floats]:
        """Return the network's inputs for a batch: trigger [b], history [b, HISTORY] newest last, candidates [b, c]."""
        texts = [self.text[rows].astype(np.float32) for rows in (trigger, history, candidates)]
        learnt = [self.learnt[rows].astype(np.float32) for rows in (trigger, history, candidates)]
        vectors = [np.concatenate([part, scaled(text)], axis=-1) for part, text in zip(learnt, texts, strict=True)]
        numbers = [
            counts(trigger, history, candidates, self.clicks),
            nearness(texts[0], texts[1], texts[2], history > 0),
        ]
        return {
            "trigger": vectors[0], "history": vectors[1], "known": (history > 0).astype(np.float32),
            "candidates": vectors[2], "features": np.concatenate(numbers, axis=2),
        }  # fmt: skip


def scaled(text: Floats) -> Floats:
    """Return the half of pages' vectors that their text makes."""
    return np.float32(_TEXT_SCALE) * text


def centred(scores: Floats, counted: NDArray[np.bool_]) -> Floats:
    """Return scores [b, c] minus their mean over the counted candidates; 0 for the others. Training leaves it open."""
    mean = (scores * counted).sum(axis=1, keepdims=True) / np.maximum(counted.sum(axis=1, keepdims=True), 1)
    return np.where(counted, scores - mean, 0).astype(np.float32)


def bounded(weighted: Floats) -> Floats:
    """Return weighted scores of the network as they multiply counts: between exp(-4) and exp(4)."""
    clipped: Floats = np.clip(weighted, -_MOST, _MOST)
    return clipped


def said(weighted: Floats, share: Floats | None) -> Floats:
    """Return what is added to z(stage 2) for weighted scores of the network.

    They are logits. Where stage 2 is an order of counts, they multiply each page's `share` of them, which is not
    negative and in units of z.
    """
    if share is None:
        return weighted
    added: Floats = np.maximum(share, 0) * np.expm1(bounded(weighted))
    return added


def without_reloads(way: Rows, trigger: int) -> Rows:
    """Return the rows of a way without pages that were loaded again at once; the trigger's row follows the last."""
    kept: Rows = way[way != np.append(way[1:], trigger)]
    return kept


def padded(history: Rows) -> Rows:
    """Return the newest HISTORY rows of a way, newest last, with zeros before them."""
    newest = history[-HISTORY:]
    return np.concatenate([np.zeros(HISTORY - len(newest), np.int64), newest])


def log_clicks(clicks: NDArray[np.integer]) -> Floats:
    """Return clicks as `PageVectors` holds them, with that of an unknown page first."""
    logs: Floats = np.log1p(np.concatenate([[0], clicks]).astype(np.float32))
    scaled: Floats = (logs - logs.mean()) / max(float(logs.std()), 1e-6)
    return scaled


def counts(trigger: Rows, history: Rows, candidates: Rows, clicks: Floats) -> Floats:
    """Return the first six FEATURES, [b, c, 6]: readers start at hubs, go deeper step by step, and turn back."""
    same = (candidates[:, :, None] == history[:, None, :]) & (history > 0)[:, None, :]
    after_trigger = (history[:, None, :-1] == trigger[:, None, None]) & same[:, :, 1:]
    steps = np.log1p((history > 0).sum(axis=1, keepdims=True)).astype(np.float32)
    popular = clicks[candidates]
    columns = (
        same.any(axis=2), same[:, :, -1], after_trigger.any(axis=2),
        np.broadcast_to(steps, candidates.shape), popular, popular * steps,
    )  # fmt: skip
    return np.stack(columns, axis=2).astype(np.float32)


def nearness(trigger: Floats, history: Floats, candidates: Floats, known: NDArray[np.bool_]) -> Floats:
    """Return the last six FEATURES, [b, c, 6], from texts: trigger [b, t], history [b, h, t], candidates [b, c, t].

    `drift` is how much more a candidate is like the trigger than like the way there.
    """
    number = np.maximum(known.sum(axis=1), 1).astype(np.float32)[:, None]
    near = np.matmul(candidates, history.transpose(0, 2, 1))
    near_trigger = np.matmul(candidates, trigger[:, :, None])[:, :, 0]
    weight = known * np.float32(_FORGETS) ** np.arange(known.shape[1] - 1, -1, -1, dtype=np.float32)
    recent = np.matmul(near, weight[:, :, None])[:, :, 0] / np.maximum(weight.sum(axis=1), 1e-6)[:, None]
    mean = near.sum(axis=2) / number
    columns = (mean, near[:, :, -1], near.max(axis=2), near_trigger, near_trigger - mean, recent)
    return np.stack(columns, axis=2).astype(np.float32)
