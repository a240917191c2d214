from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ranking.session.config import HISTORY
from ranking.session.inputs import FEATURES, PageVectors, counts, log_clicks, nearness, padded, said

WAYS = st.lists(st.integers(1, 9), max_size=30)


@given(WAYS)
def test_a_way_is_padded_before_and_keeps_its_newest_pages(way) -> None:
    rows = padded(np.array(way, np.int64))
    assert rows.shape == (HISTORY,)
    assert [row for row in rows.tolist() if row] == way[-HISTORY:]
    assert (np.diff((rows > 0).astype(int)) >= 0).all()


@given(WAYS, st.integers(1, 9), st.lists(st.integers(0, 9), min_size=1, max_size=8))
def test_features_say_what_was_seen_and_what_followed_the_page(way, trigger, candidates) -> None:
    clicks = np.arange(10, dtype=np.float32)
    history = padded(np.array(way, np.int64))
    found = counts(np.array([trigger]), history[None], np.array([candidates]), clicks)[0]
    newest = way[-HISTORY:]
    after = {newest[place + 1] for place in range(len(newest) - 1) if newest[place] == trigger}
    for row, page in zip(found, candidates, strict=True):
        named = dict(zip(FEATURES, row.tolist(), strict=False))
        assert named["seen"] == (page in newest and page > 0)
        assert named["last"] == (bool(newest) and page == newest[-1])
        assert named["followed"] == (page in after)
        assert named["steps"] == np.float32(np.log1p(len(newest)))
        assert named["clicks"] == page


def of_pages(pages: np.ndarray) -> PageVectors:
    none = np.zeros((len(pages) + 1, 4), np.float16)
    return PageVectors(pages, none, none, np.zeros(len(pages) + 1, np.float32))


def test_nearness_is_that_of_the_known_pages_of_the_way() -> None:
    axes = np.eye(4, dtype=np.float32)
    history, known = np.zeros((1, 3, 4), np.float32), np.array([[False, True, True]])
    history[0, 1:] = axes[[0, 1]]
    found = nearness(axes[None, 2], history, axes[None, [0, 1, 2, 3]], known)[0]
    named = dict(zip(FEATURES[6:], found.T.tolist(), strict=True))
    assert named["near_all"] == [0.5, 0.5, 0, 0]
    assert named["near_last"] == [0, 1, 0, 0]
    assert named["nearest"] == [1, 1, 0, 0]
    assert named["near_trigger"] == [0, 0, 1, 0]
    assert named["drift"] == [-0.5, -0.5, 1, 0]
    assert named["near_recent"][1] > named["near_recent"][0] > 0


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=6), st.lists(st.floats(0, 30), min_size=6, max_size=6))
def test_a_logit_multiplies_a_count_and_is_added_to_a_score(logits, shares) -> None:
    weighted = np.array(logits, np.float32)
    share = np.array(shares[: len(logits)], np.float32)
    assert said(weighted, None) is weighted
    found = share + said(weighted, share)
    assert (found >= 0).all()
    assert np.allclose(found, share * np.exp(np.clip(weighted, -4, 4)), rtol=1e-3, atol=1e-4)
    assert (said(weighted, -share - 1) == 0).all()  # a page without a count has none to multiply


def test_pages_without_a_row_have_row_0() -> None:
    vectors = of_pages(np.array([3, 7], np.uint64))
    assert vectors.rows(np.array([[7, 1], [3, 9]], np.uint64)).tolist() == [[2, 0], [1, 0]]
    none = of_pages(np.empty(0, np.uint64))
    assert none.rows(np.array([3], np.uint64)).tolist() == [0]


def test_clicks_are_scaled_also_where_all_pages_have_the_same() -> None:
    assert np.isfinite(log_clicks(np.zeros(4, np.int64))).all()
    assert abs(float(log_clicks(np.array([1, 10, 100])).mean())) < 1e-6
