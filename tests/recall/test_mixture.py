from __future__ import annotations

import numpy as np
import pytest

from recall.mixture import fit


def test_the_weights_of_a_known_mixture_are_found() -> None:
    draw = np.random.default_rng(0)
    components = draw.dirichlet(np.full(30, 0.3), 3)  # three distributions over 30 pages
    pages = draw.choice(30, 20_000, p=np.array([0.6, 0.1, 0.3]) @ components)
    assert fit(components[:, pages].T, np.ones(len(pages))) == pytest.approx([0.6, 0.1, 0.3], abs=0.03)


def test_gains_count_as_repetitions() -> None:
    shares = np.array([[0.9, 0.1], [0.1, 0.9]])
    assert fit(shares, np.array([3.0, 1.0])) == pytest.approx(fit(shares[[0, 0, 0, 1]], np.ones(4)), abs=1e-4)


def test_the_prior_draws_few_targets_to_equal_weights() -> None:
    one = np.array([[1.0, 0.0]])
    assert fit(one, np.ones(1)) == pytest.approx([1, 0], abs=1e-3)
    assert fit(one, np.ones(1), prior=99.0) == pytest.approx([0.505, 0.495], abs=1e-3)


def test_without_targets_weights_are_equal() -> None:
    assert fit(np.empty((0, 4)), np.empty(0)).tolist() == [0.25] * 4
