import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.metrics.pairwise_accuracy import pairwise_accuracy, with_interval

few = st.integers(0, 4).map(float)


def by_definition(predicted: list[float], labels: list[float]) -> float:
    """Return the paper's formula, pair by pair."""
    pairs = [(i, j) for j in range(len(labels)) for i in range(j) if labels[i] != labels[j]]
    agreeing = sum((predicted[i] < predicted[j]) == (labels[i] < labels[j]) for i, j in pairs)
    return agreeing / len(pairs)


def test_a_hand_worked_example() -> None:
    # Labels differ in 5 of 6 pairs: (a,b) (a,c) (a,d) (b,d) (c,d); b and c are equal. Only (c,d) is predicted wrongly.
    labels = {"a": 0, "b": 2, "c": 2, "d": 4}
    guesses = {"a": 0.1, "b": 1.5, "c": 3.9, "d": 3.0}
    assert pairwise_accuracy(list(guesses.values()), list(labels.values())) == pytest.approx(4 / 5)


def test_a_tie_of_predictions_agrees_if_the_earlier_label_is_higher() -> None:
    assert pairwise_accuracy([2.0, 2.0], [3.0, 1.0]) == 1.0
    assert pairwise_accuracy([2.0, 2.0], [1.0, 3.0]) == 0.0


def test_the_right_order_gives_one_and_the_reverse_zero() -> None:
    labels = np.array([0.0, 1.0, 2.0, 5.0])
    assert pairwise_accuracy(labels, labels) == 1.0
    assert pairwise_accuracy(-labels, labels) == 0.0


@pytest.mark.parametrize("labels", [[], [1.0], [2.0, 2.0, 2.0]])
def test_equal_labels_have_no_accuracy(labels: list[float]) -> None:
    assert np.isnan(pairwise_accuracy(labels, labels))


@given(st.lists(st.tuples(few | st.floats(-1e9, 1e9), few), max_size=40))
def test_it_matches_the_papers_formula(rows: list[tuple[float, float]]) -> None:
    predicted, labels = [row[0] for row in rows], [row[1] for row in rows]
    if len(set(labels)) > 1:
        assert pairwise_accuracy(predicted, labels) == by_definition(predicted, labels)


def test_a_missing_value_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        pairwise_accuracy([np.nan, 1.0], [0.0, 1.0])


def test_a_hundred_thousand_random_predictions_score_one_half() -> None:
    generator = np.random.default_rng(1)
    predicted, labels = generator.random(100_000), generator.integers(0, 5, 100_000)
    assert pairwise_accuracy(predicted, labels) == pytest.approx(0.5, abs=0.01)


def test_the_interval_contains_the_figure_and_is_wider_for_fewer_groups() -> None:
    generator = np.random.default_rng(2)
    labels = generator.integers(0, 5, 300).astype(float)
    predicted = labels + generator.normal(0, 1.5, 300)
    many = with_interval(predicted, labels, np.arange(300))
    few_groups = with_interval(predicted, labels, np.arange(300) // 30)
    assert many.low < many.mean < many.high
    assert many.mean == pairwise_accuracy(predicted, labels)
    assert few_groups.mean == many.mean
    assert 0 < many.high - many.low < 0.1


def test_a_constant_prediction_scores_one_half_even_on_rows_sorted_by_label() -> None:
    labels = np.repeat([4.0, 3.0, 2.0, 1.0, 0.0], 100)
    assert pairwise_accuracy(np.zeros(500), labels) == 1.0
    assert with_interval(np.zeros(500), labels, np.arange(500)).mean == pytest.approx(0.5, abs=0.05)


def test_draws_without_a_matrix_agree_with_those_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(3)
    labels = generator.integers(0, 5, 200).astype(float)
    predicted = labels + generator.normal(0, 2, 200)
    matrix = with_interval(predicted, labels, np.arange(200))
    monkeypatch.setattr("evaluation.metrics.pairwise_accuracy._MATRIX", 0)
    single = with_interval(predicted, labels, np.arange(200))
    assert (single.low, single.high) == pytest.approx((matrix.low, matrix.high), abs=0.01)


def test_equal_labels_have_no_interval() -> None:
    assert np.isnan(with_interval(np.arange(3.0), np.ones(3), np.arange(3)).low)
