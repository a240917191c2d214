from __future__ import annotations

from collections import Counter

import pytest

from loadtests.shapes import users_at
from loadtests.traffic import Zipf, pages_by_clicks


def test_pages_are_ordered_by_clicks(tiny) -> None:
    urls = pages_by_clicks(tiny.bundles)
    assert set(urls) == set(tiny.urls)
    warmup = tiny.bundle.manifest.warmup
    assert urls[: len(warmup)] == warmup


def test_the_second_page_is_requested_half_as_often_as_the_first() -> None:
    traffic = Zipf([str(number) for number in range(100)], "0/1")
    drawn = Counter(traffic.draw() for _ in range(20_000))
    harmonic = sum(1 / rank for rank in range(1, 101))
    assert drawn["0"] / 20_000 == pytest.approx(1 / harmonic, rel=0.05)
    assert drawn["1"] / 20_000 == pytest.approx(1 / harmonic / 2, rel=0.08)
    assert "99" in drawn


def test_the_same_seed_gives_the_same_traffic() -> None:
    urls = [str(number) for number in range(100)]
    first, again, other = (Zipf(urls, seed) for seed in ("0/1", "0/1", "0/2"))
    drawn = [first.draw() for _ in range(20)]
    assert [again.draw() for _ in range(20)] == drawn
    assert [other.draw() for _ in range(20)] != drawn


@pytest.mark.parametrize(
    ("shape", "expected"),
    [("steady", [20, 20, 20, 20, None]), ("spike", [5, 20, 20, 5, None])],
)
def test_a_shape_gives_the_number_of_readers(shape, expected) -> None:
    assert [users_at(shape, second, 20, 30) for second in (9.9, 10, 19.9, 20, 30)] == expected


def test_pauses_match_the_rate_on_average_and_all_differ() -> None:
    reader = Zipf(["a"], "0/1")
    pauses = [reader.pause(2.0) for _ in range(4_000)]
    assert sum(pauses) / len(pauses) == pytest.approx(0.5, rel=0.05)
    assert len(set(pauses)) == len(pauses)
