from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cascade.score_scale import below, by_position
from cascade.types import Candidates

scores = st.lists(st.floats(-1e4, 1e4, width=32), max_size=6).map(lambda values: sorted(values, reverse=True))


def ranked(values: list[float], first: int) -> Candidates:
    return Candidates(np.arange(first, first + len(values), dtype=np.uint64), {"score": np.array(values, np.float32)})


@given(scores, scores)
def test_scores_never_rise_and_the_order_stays(above: list[float], rest: list[float]) -> None:
    both = below(ranked(above, 0), ranked(rest, 100))
    assert both.pages.tolist() == [*range(len(above)), *range(100, 100 + len(rest))]
    assert both["score"].tolist() == sorted(both["score"].tolist(), reverse=True) if len(both) else True
    if above and rest:
        assert both["score"][len(above)] < both["score"][len(above) - 1]


@given(scores)
def test_scores_that_are_already_lower_stay_as_they_are(rest: list[float]) -> None:
    both = below(ranked([1e6], 0), ranked(rest, 100))
    if rest:
        assert both["score"][1:].tolist() == np.array(rest, np.float32).tolist()


def test_scores_that_are_nan_shift_nothing() -> None:
    both = below(ranked([2.0, np.nan], 0), ranked([np.nan, 5.0], 100))
    assert both["score"][3] < 2.0
    assert np.isnan(both["score"][1:3]).all()


def test_positions_become_decreasing_scores() -> None:
    assert by_position(ranked([1.0, 5.0, 3.0], 0))["score"].tolist() == [0.0, -1.0, -2.0]
