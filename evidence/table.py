"""The ablation's table: metrics with intervals, and what each part adds, paired by task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics.bootstrap import Interval, difference, interval
from evidence.amazon import Task
from evidence.ranking_metrics import by_task, target_ranks

#: How much of a candidate's log-likelihood without a history is taken off; the validation tasks choose.
WEIGHTS = (0.0, 0.5, 1.0)
MAIN = "NDCG@10"
LOSS = "NLL"

Scores = NDArray[np.float64]
Pair = tuple[Scores, Scores]


@dataclass(frozen=True, slots=True)
class Row:
    """One row's values by task."""

    name: str
    values: dict[str, Scores]  # by metric, (tasks,)
    weight: float | None = None  # of WEIGHTS; None for a row without likelihoods

    def figures(self) -> dict[str, Interval]:
        """Return each metric's mean and interval."""
        return {metric: interval(values) for metric, values in self.values.items()}


def row(name: str, scores: Pair, prior: Pair | None, validation: Sequence[Task], test: Sequence[Task]) -> Row:
    """Return a row of the test tasks; with a prior, its weight is the one with the best NDCG@10 on validation."""
    asked, wanted = (np.array([task.candidates.index(task.target) for task in tasks]) for tasks in (validation, test))
    if prior is None:
        return Row(name, by_task(target_ranks(scores[1], wanted)))
    reached = [by_task(target_ranks(scores[0] - weight * prior[0], asked))[MAIN].mean() for weight in WEIGHTS]
    weight = WEIGHTS[int(np.argmax(reached))]
    values = by_task(target_ranks(scores[1] - weight * prior[1], wanted))
    values[LOSS] = -np.take_along_axis(scores[1], wanted[:, None], axis=1)[:, 0]
    return Row(name, values, weight)


def rows_of(
    found: Mapping[str, Pair], prior: Pair | None, validation: Sequence[Task], test: Sequence[Task]
) -> list[Row]:
    """Return all rows of one seed; a row whose name has a comma is a language model's."""
    return [row(name, scores, prior if ", " in name else None, validation, test) for name, scores in found.items()]


def joined(seeds: Sequence[Sequence[Row]]) -> list[Row]:
    """Return the rows over the tasks of all seeds."""
    found = []
    for same in zip(*seeds, strict=True):
        values = {metric: np.concatenate([each.values[metric] for each in same]) for metric in same[0].values}
        weights = [each.weight for each in same if each.weight is not None]
        found.append(Row(same[0].name, values, float(np.mean(weights)) if weights else None))
    return found


def gains(rows: Sequence[Row], pairs: Sequence[tuple[str, str]], users: Sequence[int]) -> list[dict[str, object]]:
    """Return what the first of each pair gains over the second, on NDCG@10 and on the loss, by paired bootstrap.

    `users` are the tasks' users: a user that several seeds drew is resampled as one.
    """
    named = {each.name: each.values for each in rows}
    found: list[dict[str, object]] = []
    for one, two in pairs:
        if one in named and two in named:
            values = {m: difference(named[one][m], named[two][m], np.asarray(users)) for m in (MAIN, LOSS)}
            found.append({"row": one, "over": two, **values})
    return found
