from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cascade.score_scale import below, by_place
from cascade.types import Candidates

scores = st.lists(st.floats(-1e4, 1e4, width=32), max_size=6).map(lambda values: sorted(values, reverse=True))


def ranked(values: list[float], first: int) -> Candidates:
    return Candidates(np.arange(first, first + len(values), dtype=np.uint64), {"score": np.array(values, np.float32)})


@given(scores, scores)
def test_scores_never_rise_and_the_order_stays(above: list[float], left: list[float]) -> None:
    both = below(ranked(above, 0), ranked(left, 100))
    assert both.pages.tolist() == [*range(len(above)), *range(100, 100 + len(left))]
    assert both["score"].tolist() == sorted(both["score"].tolist(), reverse=True) if len(both) else True
    if above and left:
        assert both["score"][len(above)] < both["score"][len(above) - 1]


@given(scores)
def test_scores_that_lie_below_already_stay(left: list[float]) -> None:
    both = below(ranked([1e6], 0), ranked(left, 100))
    if left:
        assert both["score"][1:].tolist() == np.array(left, np.float32).tolist()


def test_what_no_model_scored_moves_nothing() -> None:
    both = below(ranked([2.0, np.nan], 0), ranked([np.nan, 5.0], 100))
    assert both["score"][3] < 2.0
    assert np.isnan(both["score"][1:3]).all()


def test_places_fall() -> None:
    assert by_place(ranked([1.0, 5.0, 3.0], 0))["score"].tolist() == [0.0, -1.0, -2.0]
