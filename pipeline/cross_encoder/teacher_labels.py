"""The teachers' labels of the pool, from which the student learns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.runner.work import Work
from ranking.blend import Scale
from ranking.cross_encoder.examples import TeacherLabels


def teacher_labels(work: Work) -> TeacherLabels:
    """Return the labelled pool, memory-mapped; click logits are standardized (mean 0, deviation 1) over the pool."""
    pairs = np.load(work.of("teachers") / "pool.npy", mmap_mode="r")
    click, quality = _logits(work, "click"), _logits(work, "quality")
    return TeacherLabels(pairs[0], pairs[1], click_scale(work).z(click), quality)


def click_scale(work: Work) -> Scale:
    """Return the scale of the click teacher's logits over the pool.

    A pairwise loss does not fix it, and it would change the balance of the student's two losses.
    """
    logits = _logits(work, "click")
    return Scale.of(logits) if len(logits) else Scale(0.0, 1.0)


def _logits(work: Work, teacher: str) -> NDArray[np.float32]:
    logits: NDArray[np.float32] = np.load(work.of("teachers") / f"{teacher}.npy", mmap_mode="r")
    return logits
