"""The ablation's table: metrics with intervals, and what each part adds, paired by task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from evaluation.metrics.bootstrap import Interval, difference, interval
from evidence.amazon import Task
from evidence.ranking_metrics import by_task, target_ranks

#: How much of a candidate's log-likelihood without a history is taken off; the validation tasks choose.
WEIGHTS = np.round(np.arange(0, 1.21, 0.05), 2)
_SHARPNESSES = np.geomspace(0.02, 1.5, 16)  # as logits, sums over a title's tokens are too sure by an order or two
MAIN = "NDCG@10"
PLAIN = "NDCG@10, α = 0"
SHOWN, ELSEWHERE = f"{PLAIN}, right item shown", f"{PLAIN}, not shown"  # among the passages, by the search
LOSS = "NLL"
GAINED = (MAIN, PLAIN, SHOWN, ELSEWHERE, LOSS)

Scores = NDArray[np.float64]


class Scored(NamedTuple):
    """Scores of tasks, (tasks, candidates); of a language model also those without history, by the same model."""

    validation: Scores
    test: Scores
    prior_validation: Scores | None = None
    prior_test: Scores | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row's values by task."""

    name: str
    values: dict[str, Scores]  # by metric, (tasks,)
    weight: float | None = None  # of WEIGHTS; None for a row without likelihoods

    def figures(self) -> dict[str, Interval]:
        """Return each metric's mean and interval."""
        return {metric: interval(values) for metric, values in self.values.items()}


def row(name: str, scores: Scored, validation: Sequence[Task], test: Sequence[Task]) -> Row:
    """Return a row of the test tasks.

    With a prior, its weight is the one under which the right candidates of the validation tasks are likeliest: NDCG of
    a few hundred tasks cannot tell weights apart.
    """
    asked, wanted = (np.array([task.candidates.index(task.target) for task in tasks]) for tasks in (validation, test))
    before, prior = scores.prior_validation, scores.prior_test
    if before is None or prior is None:
        return Row(name, by_task(target_ranks(scores.test, wanted)))
    weight = float(
        WEIGHTS[np.argmax([_likelihood(_without(scores.validation, each, before), asked) for each in WEIGHTS])]
    )
    values = by_task(target_ranks(_without(scores.test, weight, prior), wanted))
    values[PLAIN] = by_task(target_ranks(scores.test, wanted))[MAIN]
    values[LOSS] = -np.take_along_axis(scores.test, wanted[:, None], axis=1)[:, 0]
    return Row(name, values, weight)


def _without(scores: Scores, weight: float, prior: Scores) -> Scores:
    return scores - weight * prior if weight else scores  # 0 times what a model that diverged says is no number


def _likelihood(scores: Scores, wanted: NDArray[np.intp]) -> float:
    """Return the mean log-likelihood of the wanted candidates by their scores, at the best sharpness; -inf for NaN."""
    logits = _SHARPNESSES[:, None, None] * scores
    found = np.take_along_axis(log_softmax(logits, axis=2), wanted[None, :, None], axis=2).mean(axis=(1, 2)).max()
    return float(np.nan_to_num(found, nan=-np.inf))


def rows_of(found: Mapping[str, Scored], validation: Sequence[Task], test: Sequence[Task]) -> list[Row]:
    """Return all rows of one seed."""
    return [row(name, scores, validation, test) for name, scores in found.items()]


def joined(seeds: Sequence[Sequence[Row]]) -> list[Row]:
    """Return the rows over the tasks of all seeds."""
    found = []
    for same in zip(*seeds, strict=True):
        values = {metric: np.concatenate([each.values[metric] for each in same]) for metric in same[0].values}
        weights = [each.weight for each in same if each.weight is not None]
        found.append(Row(same[0].name, values, float(np.mean(weights)) if weights else None))
    return found


def gains(
    rows: Sequence[Row], pairs: Sequence[tuple[str, str]], users: Sequence[int], shown: Sequence[bool]
) -> list[dict[str, object]]:
    """Return what the first of each pair gains over the second, by paired bootstrap, on each metric of `GAINED`.

    `users` are the tasks' users: a user that several seeds drew is resampled as one. `shown` says of each task whether
    its passages have the right item.
    """
    named = {each.name: {**each.values, **_apart(each.values.get(PLAIN), np.asarray(shown))} for each in rows}
    found: list[dict[str, object]] = []
    for one, two in pairs:
        if one in named and two in named:
            values = {m: difference(named[one][m], named[two][m], np.asarray(users)) for m in GAINED}
            found.append({"row": one, "over": two, **values})
    return found


def _apart(values: Scores | None, shown: NDArray[np.bool_]) -> dict[str, Scores]:
    """Return the values of either kind of task, NaN for the other."""
    if values is None:
        return {}
    return {SHOWN: np.where(shown, values, np.nan), ELSEWHERE: np.where(shown, np.nan, values)}
