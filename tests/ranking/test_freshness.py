import numpy as np
import pytest

from cascade.types import Candidates, Query
from ranking.freshness import Freshened, age_days

DAY = 24
NOW = 20_000 * DAY


def pages(*published: int) -> Candidates:
    column = np.array(published, np.uint32)
    return Candidates(np.arange(len(published), dtype=np.uint64), {"published": column})


class Equal:
    name = "blend"

    def score(self, query: Query, candidates: Candidates) -> np.ndarray:
        return np.full(len(candidates), 0.5, np.float32)


def test_a_page_has_an_age_at_the_time_of_asking() -> None:
    assert age_days(pages(NOW - 3 * DAY, NOW + 12), NOW).tolist() == [3, -0.5]


@pytest.mark.parametrize(("published", "at"), [(0, NOW), (NOW, np.nan)])
def test_without_a_time_of_publication_or_of_asking_there_is_no_age(published: int, at: float) -> None:
    assert np.isnan(age_days(pages(published), at)).all()


def test_a_page_loses_half_a_unit_at_its_half_life_and_never_more_than_one() -> None:
    query = Query("https://a.example/", 1, at=NOW)
    rows = pages(NOW, NOW - 7 * DAY, NOW - 14 * DAY, NOW - 9_000 * DAY, 0, NOW + DAY)
    assert Freshened(Equal(), 7).score(query, rows).tolist() == [0.5, 0, -0.25, -0.5, 0.5, 0.5]
