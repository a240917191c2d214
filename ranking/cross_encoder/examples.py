"""Training examples of the heads: triplets of impressions, judged pairs, and pairs with teachers' logits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from text_model.distributed import world
from text_model.training import Batch, rows_of_step

#: (rows of page 1, rows of page 2) -> tensors of the padded pairs.
PairInputs = Callable[[NDArray[np.int64], NDArray[np.int64]], Batch]


@dataclass(frozen=True, slots=True)
class Triplets:
    """A clicked and an unclicked page of one impression, as rows of the page table."""

    page: NDArray[np.int64]
    clicked: NDArray[np.int64]
    unclicked: NDArray[np.int64]
    weight: NDArray[np.float32]  # log(1 + f) for a triplet seen f times (the paper's log f drops f = 1), mean 1

    def take(self, rows: NDArray[np.bool_]) -> Triplets:
        """Return some of the triplets."""
        return Triplets(self.page[rows], self.clicked[rows], self.unclicked[rows], self.weight[rows])

    def batch(self, inputs: PairInputs, count: int, seed: int, step: int) -> Batch:
        """Return a step's triplets: `pairs` holds the clicked ones, then the unclicked ones in the same order."""
        rows = rows_of_step(seed, step, len(self.page), count)
        page = np.concatenate([self.page[rows]] * 2)
        pairs = inputs(page, np.concatenate([self.clicked[rows], self.unclicked[rows]]))
        return {"pairs": pairs, "weight": torch.from_numpy(self.weight[rows])}


@dataclass(frozen=True, slots=True)
class Labels:
    """Judged pairs: rows of the page table, quality 0 to 4."""

    page1: NDArray[np.int64]
    page2: NDArray[np.int64]
    quality: NDArray[np.float32]
    given: NDArray[np.bool_]  # labelled in the input, not by a judge

    def take(self, rows: NDArray[np.bool_]) -> Labels:
        """Return some of the labels."""
        return Labels(self.page1[rows], self.page2[rows], self.quality[rows], self.given[rows])

    def batch(self, inputs: PairInputs, count: int, given_share: float, seed: int, step: int) -> Batch:
        """Return a step's pairs; if both kinds exist, a share of `given_share` are labels from the input.

        Otherwise a few hundred human labels would be lost among tens of thousands from a judge.
        """
        rows = self._rows(count, given_share, seed, step)
        return {
            "pairs": inputs(self.page1[rows], self.page2[rows]),
            "quality": torch.from_numpy(self.quality[rows]),
        }

    def _rows(self, count: int, given_share: float, seed: int, step: int) -> NDArray[np.int64]:
        given, judged = np.flatnonzero(self.given), np.flatnonzero(~self.given)
        if not (len(given) and len(judged)):
            return rows_of_step(seed, step, len(self.page1), count)
        generator = np.random.default_rng((seed, step))
        of_given = round(count * given_share)
        drawn = np.concatenate([generator.choice(given, of_given), generator.choice(judged, count - of_given)])
        return drawn[world().share(count)]


@dataclass(frozen=True, slots=True)
class TeacherLabels:
    """Unlabelled pairs with both teachers' logits: rows of the page table, (pairs, 1) and (pairs, 5) float32."""

    page1: NDArray[np.int64]
    page2: NDArray[np.int64]
    click: NDArray[np.float32]
    quality: NDArray[np.float32]

    def take(self, rows: NDArray[np.bool_]) -> TeacherLabels:
        """Return some of the pairs."""
        return TeacherLabels(self.page1[rows], self.page2[rows], self.click[rows], self.quality[rows])

    def batch(self, inputs: PairInputs, count: int, seed: int, step: int) -> Batch:
        """Return a step's pairs."""
        rows = rows_of_step(seed, step, len(self.page1), count)
        return {
            "pairs": inputs(self.page1[rows], self.page2[rows]),
            "click": torch.from_numpy(self.click[rows, 0]),
            "quality": torch.from_numpy(self.quality[rows]),
        }
