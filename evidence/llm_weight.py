"""Weighs a language model's scores of stored lists on held-out steps, by the rule of readers' ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evidence.stored_lists import PageList
from ranking.blend import Blend
from ranking.session.config import HISTORY
from ranking.session.inputs import Floats, Rows, centred
from ranking.session.train import Examples
from ranking.session.weigh import Choice, Lists, choose

_LEAST = 1e-6  # deviation: a constant score has no order


@dataclass(frozen=True, slots=True)
class Weighed:
    """What the model's scores are worth: the choice, and the deviation of scores around their list's mean."""

    choice: Choice
    deviation: float

    def column(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return one list's column `llm`: weight · z(score), (candidates,)."""
        return np.float32(self.choice.weight) * _z(scores, self.deviation)


def weigh(
    lists: Sequence[PageList],
    scores: Sequence[NDArray[np.float32]],
    steps: Mapping[int, NDArray[np.uint64]],
    blend: Blend,
    seed: int,
) -> Weighed:
    """Return the weight under which the pages that readers went to are likeliest; 0 where NDCG@5 may gain by chance.

    That is stricter than for readers' ways, since the model's scores cost hours. `steps` are the pages that held-out
    readers of each page went to. Intervals are over pages, not sessions: all readers of a page are shown the same list.
    """
    order = np.argsort(np.array([each.page for each in lists], np.uint64))
    ordered, own = [lists[place] for place in order], [scores[place] for place in order]
    spread = np.concatenate([part - part.mean() for part in own])
    deviation = float(spread.std(dtype=np.float64))
    page = np.array([each.page for each in ordered], np.uint64)
    sizes = np.array([len(each.titles) for each in ordered], np.int32)
    candidates = np.concatenate([each.stored.pages for each in ordered])
    trigger = np.concatenate([np.full(len(steps[each.page]), each.page, np.uint64) for each in ordered])
    chosen = np.concatenate([steps[each.page] for each in ordered])
    known = np.unique(np.concatenate([page, candidates, chosen]))
    stage2 = blend.stage2.z(np.concatenate([each.stored.stage2 for each in ordered]))
    ranked = Lists.of(_rows(known, page), sizes, _rows(known, candidates), stage2)
    said = np.zeros(ranked.score.shape, np.float32)
    for number, part in enumerate(own):
        said[number, : len(part)] = _z(part, deviation)

    def of_lists(triggers: Rows, history: Rows, listed: Rows) -> Floats:
        return said[np.searchsorted(ranked.row, triggers)]

    history = np.zeros((len(trigger), HISTORY), np.int64)
    examples = Examples(trigger, _rows(known, trigger), history, _rows(known, chosen))
    choice = choose(examples, of_lists, ranked, seed)
    return Weighed(choice if choice.low > 0 else replace(choice, weight=0.0), deviation)


def _z(scores: NDArray[np.float32], deviation: float) -> NDArray[np.float32]:
    if deviation < _LEAST:
        return np.zeros(len(scores), np.float32)
    around: Floats = centred(scores[None], np.ones((1, len(scores)), np.bool_))[0]
    return np.asarray(around / np.float32(deviation), np.float32)


def _rows(known: NDArray[np.uint64], wanted: NDArray[np.uint64]) -> Rows:
    return np.searchsorted(known, wanted) + 1
