"""Weighs the session network against stage 2, on steps of sessions that neither has learnt from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from ranking.session.inputs import Floats, Rows, bounded, centred, said
from ranking.session.train import Examples

_WEIGHTS = np.round(np.arange(0, 2.01, 0.1), 1)
_SHARPNESSES = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)  # of scores as logits, which a ranking does not say
_LEAST = 1e-6  # of a deviation of counts, of NDCG: less is none
_FEWEST_SESSIONS = 20  # resamples of fewer say too little of others
_CUT = 5  # an answer has five pages
_BATCH = 256
_FOLDS = 10
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
    nats: float  # per step: how much likelier the chosen page becomes among those of its list
    nats_low: float  # the lower end of its 95 % interval

    def figures(self) -> dict[str, object]:
        """Return the values, rounded."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def choose(steps: Examples, scores: Scores, lists: Lists, seed: int) -> Choice:
    """Return the weight, in units of z(stage 2), under which the chosen pages are likeliest among those of their lists.

    It is 0 if that likelihood might be no gain (95 % interval), if NDCG@5 shows none, or with fewer than 20 sessions.
    NDCG@5 of a few hundred sessions cannot tell weights apart: it sees only the steps whose page crosses one of five
    places. Gains on each fold of the sessions are with the weight that the other folds choose: the best of many on its
    own steps gains by chance, too. Intervals resample sessions.
    """
    parts = [_told(steps.take(part), scores, lists) for part in _parts(len(steps))]
    gains, likelihoods = (np.concatenate(each) for each in zip(*parts, strict=True))
    sessions, number = np.unique(steps.session, return_inverse=True)
    generator = np.random.default_rng(seed)
    fold = generator.permutation(len(sessions))[number] % _FOLDS
    gained, likelier = _by_other_folds(gains, likelihoods, fold)
    counts = np.bincount(number, minlength=len(sessions))
    drawn = generator.integers(0, len(sessions), (_RESAMPLES, len(sessions)))
    (low, high), (nats_low, _) = (
        np.percentile(np.bincount(number, each, len(sessions))[drawn].sum(axis=1) / counts[drawn].sum(axis=1), _ENDS)
        for each in (gained, likelier)
    )
    helps = nats_low > 0 and gained.mean() > _LEAST and len(sessions) >= _FEWEST_SESSIONS
    weight = float(_WEIGHTS[_likeliest(likelihoods)[0]]) if helps else 0.0
    without = float(gains[:, 0].mean())
    with_way, nats = without + float(gained.mean()), float(likelier.mean())
    return Choice(weight, len(steps), len(sessions), without, with_way, float(low), float(high), nats, float(nats_low))


def _likeliest(likelihoods: Floats) -> tuple[int, int, int]:
    """Return which weight and sharpness are best for some steps, and which sharpness without the way."""
    summed = likelihoods.sum(axis=0, dtype=np.float64)
    weight, sharpness = np.unravel_index(np.argmax(summed), summed.shape)
    return int(weight), int(sharpness), int(np.argmax(summed[0]))


def _by_other_folds(gains: Floats, likelihoods: Floats, fold: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Return what each step gains over weight 0, in DCG@5 and in nats, with what is best for steps of other folds."""
    best = np.array([_likeliest(likelihoods[fold != each]) for each in range(_FOLDS)])
    step, (weight, sharpness, without) = np.arange(len(gains)), best[fold].T
    gained: Floats = gains[step, weight] - gains[:, 0]
    likelier: Floats = likelihoods[step, weight, sharpness] - likelihoods[step, 0, without]
    return gained, likelier


def _parts(count: int) -> list[NDArray[np.intp]]:
    return np.array_split(np.arange(count), max(1, -(-count // _BATCH)))


def _told(steps: Examples, scores: Scores, lists: Lists) -> tuple[Floats, Floats]:
    """Return DCG@5 of each step's chosen page for every weight, [b, weights]; 0 where the list lacks it.

    Beside it, the log-likelihood of that page among those of its list by a conditional logit model, for every weight
    and sharpness of the scores, [b, weights, sharpnesses].
    """
    place = np.searchsorted(lists.row, steps.trigger)
    candidates, base = lists.candidates[place], lists.score[place]
    own = centred(scores(steps.trigger, steps.history, candidates), np.isfinite(base))
    chosen = (candidates == steps.chosen[:, None])[:, None]
    weighted = _WEIGHTS[None, :, None].astype(np.float32) * own[:, None, :]
    share = None if lists.lowest is None else base[:, None, :] - lists.lowest
    total = base[:, None, :] + said(weighted, share)
    of_chosen = np.where(chosen, total, -np.inf).max(axis=2)
    earlier = np.arange(candidates.shape[1]) < chosen.argmax(axis=2)[:, :, None]  # a tie keeps the list's order
    above = np.where(earlier, total >= of_chosen[:, :, None], total > of_chosen[:, :, None]).sum(axis=2)
    gain = np.where(above < _CUT, 1 / np.log2(above + 2.0), 0)
    if share is not None:  # the product of counts and what is said: logits are its logarithm
        counted = share > _LEAST
        total = np.where(counted, np.log(np.where(counted, share, 1)) + bounded(weighted), -np.inf)
    likelihood = np.stack([_log_likelihood(each * total, chosen) for each in _SHARPNESSES], axis=2)
    return np.where(chosen.any(axis=2), gain, 0).astype(np.float32), likelihood


def _log_likelihood(logits: Floats, chosen: NDArray[np.bool_]) -> Floats:
    """Return the logarithm of the chosen page's softmax, [b, weights]; 0 where the list lacks it or has no count."""
    top = logits.max(axis=2, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    whole = np.log(np.maximum(np.exp(logits - top).sum(axis=2), 1)) + top[:, :, 0]
    of_chosen = np.where(chosen, logits, -np.inf).max(axis=2)
    return np.where(np.isfinite(of_chosen), of_chosen - whole, 0).astype(np.float32)
