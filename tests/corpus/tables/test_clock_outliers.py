"""Log rows with outlying times."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from corpus.tables.clock_outliers import strays

START = date(2026, 1, 1)
MONTH = [(START + timedelta(days=i), 100) for i in range(28)]


def test_a_few_rows_years_before_or_after_the_log_are_strays() -> None:
    before, after = (date(1970, 1, 1), 1), (date(2029, 1, 1), 2)
    assert [(span.first, span.rows) for span in strays([before, *MONTH, after])] == [before, after]


def test_the_strays_of_a_small_log_are_found_too() -> None:
    days = [(date(2001, 1, 1), 1), *[(START + timedelta(days=i), 1) for i in range(20)]]
    assert [span.first for span in strays(days)] == [date(2001, 1, 1)]


def test_rows_after_a_pause_are_not_strays() -> None:
    assert strays([(START - timedelta(days=85), 1), *MONTH]) == []


def test_a_seasonal_log_has_no_strays() -> None:
    assert strays([(START - timedelta(days=365), 500), *MONTH]) == []


def test_a_long_sparse_log_has_no_strays() -> None:
    assert strays([(START + timedelta(days=200 * i), 1) for i in range(40)]) == []


@given(st.lists(st.integers(0, 60_000), min_size=1, unique=True), st.integers(1, 50))
def test_strays_are_few(numbers: list[int], rows: int) -> None:
    days = [(date(1900, 1, 1) + timedelta(days=i), rows) for i in sorted(numbers)]
    assert all(span.rows <= max(1, len(days) * rows // 100) for span in strays(days))
