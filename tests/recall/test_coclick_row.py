from __future__ import annotations

import numpy as np
import pytest

from recall.coclick.row import NEIGHBOUR, is_row


def neighbours(count: int = 4) -> np.ndarray:
    rows = np.zeros(count, NEIGHBOUR)
    rows["page"], rows["affinity"] = np.arange(count), np.linspace(1, 0, count)
    rows["near"], rows["next_all"] = 0.5, 3
    return rows


def test_valid_neighbours_are_a_row() -> None:
    assert is_row(1, neighbours().tobytes())
    assert not is_row(1, b"")


@pytest.mark.parametrize("end", [1, 53, -1])
def test_a_truncated_row_is_invalid(end: int) -> None:
    assert not is_row(1, neighbours().tobytes()[:end])


@pytest.mark.parametrize(
    ("field", "values"),
    [("affinity", [0, 1, 0, 0]), ("page", [1, 2, 2, 3]), ("near", [1, np.nan, 1, 1]), ("spread_next", [0, -1, 0, 0])],
)
def test_impossible_neighbours_are_an_invalid_row(field: str, values: list[float]) -> None:
    rows = neighbours()
    rows[field] = values
    assert not is_row(1, rows.tobytes())


def test_random_bytes_of_the_right_length_are_an_invalid_row() -> None:
    generator = np.random.default_rng(0)
    for count in (3, 10, 100):
        assert not is_row(1, generator.bytes(count * NEIGHBOUR.itemsize))
