"""Weighs the session network against stage 2, on steps of sessions that neither has learnt from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from ranking.session.inputs import Floats, Rows, centred, said
from ranking.session.train import Examples

_WEIGHTS = np.round(np.arange(0, 2.01, 0.1), 1)
_CUT = 5  # an answer has five pages
_BATCH = 256
_FOLDS = 10
_UNSURE = 10  # percent of resamples that may show no gain: noise in the order costs less than a way that is not read
_RESAMPLES, _ENDS = 1_000, (2.5, 97.5)  # of sessions; the ends of the 95 % interval, in percent

#: Scores of candidates [b, c] for triggers [b] and ways [b, HISTORY], all as rows.
Scores = Callable[[Rows, Rows, Rows], Floats]


@dataclass(frozen=True, slots=True)
class Lists:
    """Ranked lists of pages: candidates as rows, 0 where there are fewer, and their z(stage 2).

    Where stage 2 is an order of counts, `lowest` is z of a page without any.
    """

    row: Rows  # [l], the page of each list, ascending
    candidates: Rows  # [l, w]
    score: Floats  # [l, w]
    lowest: float | None = None

    @classmethod
    def of(
        cls,
        page: NDArray[np.int64],
        size: NDArray[np.int32],
        candidates: NDArray[np.int64],
        score: Floats,
        lowest: float | None = None,
    ) -> Lists:
        """Return the first list of each page; `candidates` and `score` hold list after list."""
        width, start = int(size.max(initial=0)), np.cumsum(size) - size
        row, first = np.unique(page, return_index=True)
        padded, scores = np.zeros((len(row), width), np.int64), np.full((len(row), width), -np.inf, np.float32)
        for number, each in enumerate(first.tolist()):
            part = slice(int(start[each]), int(start[each] + size[each]))
            padded[number, : size[each]], scores[number, : size[each]] = candidates[part], score[part]
        return cls(row, padded, scores, lowest)

    def have(self, rows: Rows) -> NDArray[np.bool_]:
        """Return whether each row has a list."""
        return np.isin(rows, self.row)


@dataclass(frozen=True, slots=True)
class Choice:
    """The weight of the network, and what it gains."""

    weight: float  # 0: probably no better
    steps: int
    sessions: int
    ndcg: float  # NDCG@5 of the page that the reader chose, without the way
    ndcg_with: float
    low: float  # the gain's 95 % interval
    high: float

    def figures(self) -> dict[str, object]:
        """Return the values, rounded."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def choose(steps: Examples, scores: Scores, lists: Lists, seed: int) -> Choice:
    """Return the weight with the best NDCG@5 over steps whose trigger has a list; 0 if one in ten resamples gains none.

    The weight is in units of z(stage 2). Its gain on each fold of the sessions is that of the weight which the other
    folds choose: the best of many on its own steps gains by chance, too. Resampled are sessions.
    """
    gains = np.concatenate([_gains(steps.take(part), scores, lists) for part in _parts(len(steps))])
    sessions, number = np.unique(steps.session, return_inverse=True)
    generator = np.random.default_rng(seed)
    gained = _by_other_folds(gains, generator.permutation(len(sessions))[number] % _FOLDS)
    summed, counts = np.bincount(number, gained, len(sessions)), np.bincount(number, minlength=len(sessions))
    drawn = generator.integers(0, len(sessions), (_RESAMPLES, len(sessions)))
    low, unsure, high = np.percentile(
        summed[drawn].sum(axis=1) / counts[drawn].sum(axis=1), (_ENDS[0], _UNSURE, _ENDS[1])
    ).tolist()
    weight = float(_WEIGHTS[np.argmax(gains.mean(axis=0))]) if unsure > 0 else 0.0
    without = float(gains[:, 0].mean())
    return Choice(weight, len(steps), len(sessions), without, without + float(gained.mean()), low, high)


def _by_other_folds(gains: Floats, fold: NDArray[np.intp]) -> Floats:
    """Return what each step gains over weight 0, with the weight that is best for the steps of the other folds."""
    best = np.array([int(np.argmax(gains[fold != each].sum(axis=0))) for each in range(_FOLDS)])
    gained: Floats = gains[np.arange(len(gains)), best[fold]] - gains[:, 0]
    return gained


def _parts(count: int) -> list[NDArray[np.intp]]:
    return np.array_split(np.arange(count), max(1, -(-count // _BATCH)))


def _gains(steps: Examples, scores: Scores, lists: Lists) -> Floats:
    """Return DCG@5 of each step's chosen page for every weight, [b, weights]; 0 where the list lacks it."""
    place = np.searchsorted(lists.row, steps.trigger)
    candidates, base = lists.candidates[place], lists.score[place]
    own = centred(scores(steps.trigger, steps.history, candidates), np.isfinite(base))
    chosen = candidates == steps.chosen[:, None]
    weighted = _WEIGHTS[None, :, None].astype(np.float32) * own[:, None, :]
    share = None if lists.lowest is None else base[:, None, :] - lists.lowest
    total = base[:, None, :] + said(weighted, share)
    of_chosen = np.where(chosen[:, None, :], total, -np.inf).max(axis=2)
    above = (total > of_chosen[:, :, None]).sum(axis=2)
    gain = np.where(above < _CUT, 1 / np.log2(above + 2.0), 0)
    return np.where(chosen.any(axis=1)[:, None], gain, 0).astype(np.float32)
