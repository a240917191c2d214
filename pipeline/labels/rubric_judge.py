"""The rubric applied to the pages of a build."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.runner.work import Work
from ranking.quality.likeness import TextVectors
from ranking.quality.pages import JudgedPages, Pairs
from ranking.quality.rubric import RubricJudge


class PairJudge:
    """Judges pairs of PageIds with the rubric."""

    def __init__(self, work: Work) -> None:
        table = pq.read_table(work.of("read") / "pages.parquet")
        self.pages: NDArray[np.uint64] = table["page"].to_numpy()
        self._vectors = TextVectors.load(work.of("text") / "judged.npy")
        self._judged = JudgedPages.from_table(table, self._vectors.understood)
        self._judge = RubricJudge()

    def __call__(self, page1: NDArray[np.uint64], page2: NDArray[np.uint64]) -> NDArray[np.float32]:
        """Return the quality, 0 to 4, of each pair."""
        left, right = np.searchsorted(self.pages, page1), np.searchsorted(self.pages, page2)
        likeness, weight = self._vectors.likeness(left, right), self._vectors.weight(left, right)
        return self._judge.judge(Pairs(self._judged, left, right), likeness, weight)
