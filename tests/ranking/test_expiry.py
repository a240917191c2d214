from __future__ import annotations

import numpy as np
import pytest

from cascade.types import Candidates, Query
from ranking.expiry import Expired
from store.valid_until import ValidUntil

NOW = 500_000.0  # hours
QUERY = Query("https://a.example/", 1, at=NOW)


def pages(*published: int) -> Candidates:
    return Candidates(np.arange(1, 1 + len(published), dtype=np.uint64), {"published": np.array(published, np.uint32)})


def test_a_page_expires_at_its_own_end_to_the_second() -> None:
    ends = ValidUntil(np.array([1, 3], np.uint64), np.array([3600 * NOW, 3600 * NOW + 1]))
    assert Expired(ends).keep(QUERY, pages(0, 0, 0)).tolist() == [False, True, True]


def test_pages_older_than_the_site_shows_expire_unless_their_age_is_unknown() -> None:
    old, young = int(NOW) - 24 * 31, int(NOW) - 24 * 29
    assert Expired(oldest_days=30).keep(QUERY, pages(old, young, 0)).tolist() == [False, True, True]


def test_the_earlier_end_counts() -> None:
    ends = ValidUntil(np.array([1], np.uint64), np.array([3600.0 * (NOW + 1)]))
    assert Expired(ends, oldest_days=1).at(pages(int(NOW)))[0] == 3600 * (NOW + 1)


@pytest.mark.parametrize("filter_", [Expired(), Expired(oldest_days=3)])
def test_nothing_expires_before_the_time_of_asking_is_known(filter_: Expired) -> None:
    assert filter_.keep(Query("https://a.example/", 1), pages(1, 0)).all()
