from pathlib import Path

import numpy as np
import pytest

from cascade.types import Candidates, Query
from ranking.blend import LLM, Blend, Scale, fit

STAGE2 = np.array([1.0, 2.0, 3.0, 6.0], np.float32)
QUALITY = np.array([4.0, 3.0, 2.0, 1.0], np.float32)
ROWS = Candidates(np.arange(4, dtype=np.uint64), {"stage2": STAGE2, "quality": QUALITY})


def query(weight: float | None = None) -> Query:
    return Query("https://a.example/", page=1, quality_weight=weight)


def z(scores: np.ndarray) -> np.ndarray:
    return (scores - scores.mean()) / scores.std()


def test_the_blend_is_the_weighted_sum_of_z_scores() -> None:
    score = fit(STAGE2, QUALITY, 0.32).score(query(), ROWS)
    assert score.dtype == np.float32
    np.testing.assert_allclose(score, 0.68 * z(STAGE2) + 0.32 * z(QUALITY), rtol=1e-5)


@pytest.mark.parametrize(("weight", "expected"), [(0.0, STAGE2), (1.0, QUALITY)])
def test_the_querys_weight_replaces_the_bundles(weight: float, expected: np.ndarray) -> None:
    np.testing.assert_allclose(fit(STAGE2, QUALITY).score(query(weight), ROWS), z(expected), rtol=1e-5, atol=1e-6)


def test_a_constant_score_does_not_count() -> None:
    score = fit(STAGE2, np.full(4, 2.0)).score(query(), ROWS)
    np.testing.assert_allclose(score, 0.68 * z(STAGE2), rtol=1e-5)


def test_the_scale_ignores_numbers_that_are_not_finite() -> None:
    assert Scale.of(np.array([1.0, np.nan, 3.0, np.inf])) == Scale(2.0, 1.0)


def test_a_fit_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="no finite score"):
        fit(np.empty(0), np.empty(0))


def test_a_saved_blend_loads_unchanged(tmp_path: Path) -> None:
    blend = fit(STAGE2, QUALITY, 0.25)
    blend.save(tmp_path / "blend.json")
    assert Blend.load(tmp_path / "blend.json") == blend


def test_a_file_with_a_missing_number_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "blend.json").write_text('{"stage2": {"mean": 1}}')
    with pytest.raises(ValueError, match=r"blend\.json is not a blend"):
        Blend.load(tmp_path / "blend.json")


def test_what_a_language_model_says_counts_as_much_as_clicks_do() -> None:
    blend = fit(STAGE2, QUALITY, 0.25)
    said = np.array([0.5, -1.0, 0.0, 2.0], np.float32)
    with_llm = ROWS.with_columns({LLM: said})
    np.testing.assert_allclose(
        blend.score(query(), with_llm), 0.75 * (z(STAGE2) + said) + 0.25 * z(QUALITY), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_array_equal(blend.score(query(1.0), with_llm), blend.score(query(1.0), ROWS))
