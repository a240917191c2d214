import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.types import Candidates, Query
from evaluation.blends import SWEPT, dynamic, linear, piecewise
from ranking.blend import Blend, Scale

BLEND = Blend(Scale(0.0, 1.0), Scale(2.0, 1.0))


def scored(stage2: list[float], quality: list[float]) -> Candidates:
    columns = {"stage2": np.array(stage2, np.float32), "quality": np.array(quality, np.float32)}
    return Candidates(np.arange(len(stage2), dtype=np.uint64), columns)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(0, 4)), min_size=1, max_size=20), st.floats(0, 1))
def test_the_linear_blend_equals_the_served_one(rows: list[tuple[float, float]], weight: float) -> None:
    candidates = scored([row[0] for row in rows], [row[1] for row in rows])
    served = BLEND.score(Query("https://known.invalid/", 1, quality_weight=weight), candidates)
    assert linear(BLEND, candidates, weight) == pytest.approx(served, abs=1e-5)


def test_the_dynamic_blend_weights_clearly_good_or_bad_quality() -> None:
    found = dynamic(BLEND, scored([1, 1, 1], [0, 2, 4]), 0.5)
    assert found == pytest.approx([0.5 * 1 - 0.5 * 2, 1, 0.5 * 1 + 0.5 * 2])


def test_piecewise_puts_low_quality_last_in_the_order_of_clicks() -> None:
    found = piecewise(BLEND, scored([9, 1, 8, 2], [0.9, 3, 0, 1]), 1.0)
    assert np.argsort(-found).tolist() == [3, 1, 0, 2]


def test_every_strategy_starts_with_clicks_only() -> None:
    candidates = scored([3, 1, 2], [0, 4, 2])
    for score, numbers in SWEPT.values():
        assert numbers[0] == 0
        assert np.argsort(-score(BLEND, candidates, 0.0)).tolist() == [0, 2, 1]
