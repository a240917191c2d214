"""What each recall path contributes: the answers that only it found, and the answers without it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cascade.executor import NOT_RECALLED, RANK, Cascade
from cascade.types import Candidates


def without_each(cascade: Cascade) -> Iterator[tuple[str, Cascade]]:
    """Yield each recall path's name with the cascade without that path."""
    for left_out in cascade.recall:
        others = [step for step in cascade.recall if step is not left_out]
        yield left_out.path.name, replace(cascade, recall=others)


@dataclass(slots=True)
class Contributions:
    """Counts the answered pages that only one path recalled, by path."""

    answers: int = 0
    _alone: dict[str, int] = field(default_factory=dict)
    _quality: dict[str, list[float]] = field(default_factory=dict)

    def add(self, scored: Candidates, answer: NDArray[np.uint64]) -> None:
        """Add one answer; `scored` holds its pages with the ranks of all paths and the column `quality`."""
        names = [name for name in scored.columns if name.startswith(RANK)]
        chosen = scored.take(np.flatnonzero(np.isin(scored.pages, answer)))
        self.answers += len(chosen)
        if not len(chosen):
            return
        found = np.stack([chosen[name] != NOT_RECALLED for name in names])
        alone = found & (found.sum(axis=0) == 1)
        for name, rows in zip(names, alone, strict=True):
            path = name.removeprefix(RANK)
            self._alone[path] = self._alone.get(path, 0) + int(rows.sum())
            self._quality.setdefault(path, []).extend(chosen["quality"][rows].tolist())

    def figures(self) -> dict[str, dict[str, float | int | None]]:
        """Return per path: pages that only it found, their share of all answers, their mean scored quality (0-4)."""
        return {
            path: {
                "alone": count,
                "share_alone": count / self.answers,
                "mean_quality": float(np.mean(self._quality[path])) if count else None,
            }
            for path, count in self._alone.items()
        }
