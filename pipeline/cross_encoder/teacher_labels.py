"""The teachers' labels of the pool, from which the student learns."""

from __future__ import annotations

import numpy as np

from pipeline.runner.work import Work
from ranking.cross_encoder.examples import TeacherLabels


def teacher_labels(work: Work) -> TeacherLabels:
    """Return the labelled pool, memory-mapped; click logits are standardized (mean 0, deviation 1) over the pool."""
    here = work.of("teachers")
    pairs = np.load(here / "pool.npy", mmap_mode="r")
    click, quality = (np.load(here / f"{name}.npy", mmap_mode="r") for name in ("click", "quality"))
    # A pairwise loss does not fix their mean and scale, which would change the balance of the student's two losses.
    click = ((click - click.mean()) / max(float(click.std()), 1e-6)).astype(np.float32)
    return TeacherLabels(pairs[0], pairs[1], click, quality)
