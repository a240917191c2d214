"""The simulated judge: the pairs that it scores, and its noisy scores."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import ndtri

from corpus.simulated_web import draw
from corpus.simulated_web.pages import Index, Web
from corpus.simulated_web.quality import TOP_QUALITY, pair_quality
from corpus.simulated_web.readers import Readers

SOURCE = "simulated judge"

Urls = Callable[[Web, Index], pa.Array]


def shown_pairs(readers: Readers, shown: NDArray[np.uint32], pages: Index) -> Index:
    """Return (pairs, 2) page numbers: each page with those candidates of its list whose bit is set in `shown`."""
    pages, shown = pages[shown > 0], shown[shown > 0]
    listed = readers.listed(pages)
    bit = (shown[:, None] >> np.arange(listed.shape[1], dtype=np.uint32)) & np.uint32(1)
    row, slot = np.nonzero((bit == 1) & (listed >= 0))
    return np.stack([pages[row], listed[row, slot]], axis=1)


def pairs_to_judge(web: Web, shown: Index, pages: Index, rng: np.random.Generator) -> Index:
    """Return distinct pairs to label: half were shown, half combine a page with one near it in the topic tree.

    The second half includes unread and unrelated pages.
    """
    half = round(web.model.judged_a_page * len(pages) / 2)
    drawn = shown[rng.permutation(len(shown))[:half]]
    page1 = rng.choice(pages, half)
    reach = rng.choice([20, 200, len(web)], half, p=[0.6, 0.3, 0.1])  # pages are ordered by topic
    page2 = np.clip(page1 + (rng.uniform(-1.0, 1.0, half) * reach).astype(np.int64), 0, len(web) - 1)
    others = np.stack([page1, page2], axis=1)[page1 != page2]
    first, second = np.concatenate([drawn, others]).T
    page1, page2 = np.divmod(np.unique(first * len(web) + second), len(web))
    return np.stack([page1, page2], axis=1)


def score_pairs(web: Web, page1: Index, page2: Index) -> NDArray[np.float64]:
    """Return the judge's score of each pair of page numbers: true quality plus noise that is fixed per pair."""
    model = web.model
    error, slip, slipped = (draw.uniform(web.seed, stream, page1, page2) for stream in (40, 41, 42))
    scores = pair_quality(web, page1, page2) + model.judge_noise * ndtri(np.maximum(error, 1e-12))
    scores = np.where(slip < model.judge_slips, slipped * TOP_QUALITY, scores)
    return np.clip(scores, 0.0, TOP_QUALITY)


def labels(web: Web, urls: Urls, pairs: Index, rng: np.random.Generator) -> pa.Table:
    """Return url1, url2, quality and source: true quality plus the model's noise."""
    model = web.model
    scores = pair_quality(web, pairs[:, 0], pairs[:, 1]) + rng.normal(0.0, model.judge_noise, len(pairs))
    slips = rng.random(len(pairs)) < model.judge_slips
    scores[slips] = rng.uniform(0.0, TOP_QUALITY, int(slips.sum()))
    return pa.table(
        {
            "url1": urls(web, pairs[:, 0]),
            "url2": urls(web, pairs[:, 1]),
            "quality": np.clip(scores, 0.0, TOP_QUALITY).round(2).astype(np.float32),
            "source": pa.repeat(SOURCE, len(pairs)),
        }
    )
