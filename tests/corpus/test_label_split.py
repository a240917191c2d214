"""The split into train, validation and test pages."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.label_split import Role, is_training, roles
from corpus.urls.url import page_ids

URLS = [f"https://site{n % 7}.example/page/{n}" for n in range(4_000)]


@pytest.mark.parametrize("pages", [page_ids(URLS), np.arange(4_000, dtype=np.uint64)], ids=["ids", "small numbers"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_held_out_share_is_split_into_two_halves(pages: np.ndarray, share: float) -> None:
    counted = np.bincount(roles(pages, share), minlength=3) / len(pages)
    assert counted[Role.TRAINING] == pytest.approx(1 - share, abs=0.03)
    assert counted[Role.VALIDATION] == pytest.approx(share / 2, abs=0.03)
    assert counted[Role.TEST] == pytest.approx(share / 2, abs=0.03)


def test_without_a_held_out_share_every_page_is_trained_on() -> None:
    assert is_training(page_ids(URLS), 0.0).all()


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1), st.floats(0, 0.99))
def test_the_role_of_a_page_does_not_depend_on_other_pages(pages: list[int], share: float) -> None:
    together = roles(np.array(pages, np.uint64), share)
    alone = [int(roles(np.array([page], np.uint64), share)[0]) for page in pages]
    assert together.tolist() == alone


def test_a_larger_share_only_takes_pages_from_training() -> None:
    pages = page_ids(URLS)
    assert (is_training(pages, 0.3) >= is_training(pages, 0.6)).all()


def test_the_role_is_independent_of_the_halves_used_in_ranker_training() -> None:
    pages = page_ids(URLS)
    share_of_odd = (pages[roles(pages, 0.5) == Role.TEST] & np.uint64(1)).mean()
    assert share_of_odd == pytest.approx(0.5, abs=0.06)
