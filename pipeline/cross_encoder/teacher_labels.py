"""The teachers' predictions for the pool, as the student learns from them."""

from __future__ import annotations

import numpy as np

from pipeline.runner.work import Work
from ranking.cross_encoder.examples import PoolPredictions


def pool_predictions(work: Work) -> PoolPredictions:
    """Return the pool with predictions, memory-mapped; click logits are scaled to mean 0 and deviation 1."""
    here = work.of("teachers")
    pairs = np.load(here / "pool.npy", mmap_mode="r")
    click, quality = (np.load(here / f"{name}.npy", mmap_mode="r") for name in ("click", "quality"))
    # A pairwise loss does not fix their mean and scale, which would change the balance of the student's two losses.
    click = ((click - click.mean()) / max(float(click.std()), 1e-6)).astype(np.float32)
    return PoolPredictions(pairs[0], pairs[1], click, quality)
