from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cascade.trace import Trace
from cascade.types import Candidates, Query
from ranking.select import Select

QUERY = Query("https://a.example/", page=1)
SMALL = st.integers(0, 4)
LISTS = st.lists(st.tuples(SMALL, st.integers(1, 12), st.sampled_from([0, 1, 2**20 - 1, 2**40 - 1]), st.floats(0, 4)))
SCORED = st.lists(st.tuples(SMALL, st.floats(-3, 3, width=32)), max_size=40).map(
    lambda rows: sorted(rows, key=lambda row: -row[1])
)


def ranked(rows: list[tuple[int, int, int, float]], scores: list[float] | None = None) -> Candidates:
    """Rows of (host, address, fingerprint, quality), best first, pages 100, 101 and on; equal scores if none given."""
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    kinds = {"host": np.uint64, "address": np.uint64, "fingerprint": np.uint64, "quality": np.float32}
    arrays = {name: np.array(values, kind) for (name, kind), values in zip(kinds.items(), columns, strict=True)}
    arrays["copy"] = arrays["address"]
    arrays["score"] = np.array(scores or [0.0] * len(rows), np.float32)
    return Candidates(np.arange(100, 100 + len(rows), dtype=np.uint64), arrays)


def hosts(*names: int, scores: list[float] | None = None) -> Candidates:
    return ranked([(name, row + 1, 0, 4.0) for row, name in enumerate(names)], scores)


def chosen(select: Select, rows: Candidates, k: int, trace: Trace | None = None) -> list[int]:
    return [page - 100 for page in select(QUERY, rows, k, trace or Trace()).pages.tolist()]


def test_a_host_over_its_cap_yields_to_other_hosts() -> None:
    trace = Trace(explain=True)
    assert chosen(Select(max_per_host=2), hosts(1, 1, 1, 2, 3, 4), 4, trace) == [0, 1, 3, 4]
    assert trace.dropped == {102: "host_cap"}


def test_a_page_that_is_clearly_worse_takes_no_place() -> None:
    trace = Trace(explain=True)
    rows = hosts(1, 1, 1, 2, 3, 4, scores=[0.9, 0.8, 0.52, 0.4, -0.95, -1.0])
    assert chosen(Select(max_per_host=2, margin=0.25), rows, 4, trace) == [0, 1, 2, 3]
    assert trace.dropped == {}


def test_the_margin_is_measured_from_the_page_that_loses_its_place() -> None:
    rows = hosts(1, 1, 2, 3, 4, scores=[1.0, 0.9, 0.7, 0.6, 0.5])
    assert chosen(Select(max_per_host=1, margin=0.25), rows, 3) == [0, 1, 2]
    assert chosen(Select(max_per_host=1, margin=0.35), rows, 3) == [0, 2, 3]


def test_a_site_of_few_hosts_has_no_cap() -> None:
    assert chosen(Select(max_per_host=1, min_hosts=3), hosts(1, 1, 1, 2, 2), 3) == [0, 1, 2]
    assert chosen(Select(max_per_host=1, min_hosts=2), hosts(1, 1, 1, 2, 2), 3) == [0, 1, 3]


def test_deferred_pages_fill_what_other_hosts_cannot() -> None:
    assert chosen(Select(max_per_host=1, min_hosts=2), hosts(1, 1, 1, 2, 1), 4) == [0, 1, 2, 3]


def test_a_copy_on_another_host_does_not_take_the_place_of_its_original() -> None:
    rows = ranked([(1, 1, 0, 4.0), (1, 2, 0xFF, 4.0), (2, 3, 0xFF, 4.0), (3, 4, 0, 4.0)])
    assert chosen(Select(max_per_host=1, min_hosts=2), rows, 3) == [0, 1, 3]


def test_near_duplicates_and_same_addresses_are_shown_once() -> None:
    trace = Trace(explain=True)
    rows = ranked([(1, 1, 0xFF, 4.0), (2, 2, 0xFE, 4.0), (3, 1, 0, 4.0), (4, 4, 0, 4.0)])
    assert chosen(Select(), rows, 5, trace) == [0, 3]
    assert trace.dropped == {101: "near_duplicate", 102: "near_duplicate"}


def test_pages_below_the_minimum_quality_are_dropped() -> None:
    trace = Trace(explain=True)
    rows = ranked([(1, 1, 0, 0.5), (2, 2, 0, 3.0)])
    assert chosen(Select(min_quality=1.0), rows, 5, trace) == [1]
    assert trace.dropped == {100: "min_quality"}


def test_the_minimum_quality_is_ignored_without_a_quality_column() -> None:
    rows = hosts(1, 2)
    rows = Candidates(rows.pages, {name: rows[name] for name in ("host", "address", "copy", "fingerprint", "score")})
    assert chosen(Select(min_quality=4.0), rows, 5) == [0, 1]


@given(LISTS, st.integers(1, 30), st.integers(1, 3), st.floats(0, 4))
def test_never_more_than_k_in_ranked_order_and_no_two_alike(
    rows: list[tuple[int, int, int, float]], k: int, cap: int, least: float
) -> None:
    answer = Select(cap, least)(QUERY, ranked(rows), k, Trace())
    assert len(answer) <= k
    assert (np.diff(answer.pages.astype(np.int64)) > 0).all()
    assert len(np.unique(answer["address"])) == len(answer)
    prints = answer["fingerprint"][answer["fingerprint"] != 0]
    assert len(np.unique(prints)) == len(prints)
    assert (answer["quality"] >= np.float32(least)).all()


@given(st.integers(0, 40), st.integers(1, 30), st.integers(1, 5))
def test_a_site_with_one_host_gets_full_answers(size: int, k: int, cap: int) -> None:
    assert chosen(Select(max_per_host=cap), hosts(*[1] * size), k) == list(range(min(size, k)))


@given(SCORED, st.integers(1, 30), st.integers(1, 3), st.floats(0, 2))
def test_no_page_takes_the_place_of_one_better_by_more_than_the_margin(
    rows: list[tuple[int, float]], k: int, cap: int, margin: float
) -> None:
    scores = [score for _, score in rows]
    picked = chosen(Select(cap, margin=margin, min_hosts=1), hosts(*(host for host, _ in rows), scores=scores), k)
    assert len(picked) == min(k, len(rows))
    left_out = [scores[row] for row in range(len(rows)) if row not in picked]
    assert max(left_out, default=-9) - min((scores[row] for row in picked), default=9) <= margin + 1e-5


@given(SCORED, st.integers(1, 30), st.integers(1, 3))
def test_without_a_margin_only_equal_scores_change_places(rows: list[tuple[int, float]], k: int, cap: int) -> None:
    scores = [score for _, score in rows]
    picked = chosen(Select(cap, margin=0, min_hosts=1), hosts(*(host for host, _ in rows), scores=scores), k)
    assert [scores[row] for row in picked] == scores[:k]


@given(st.lists(SMALL, max_size=40), st.integers(1, 30), st.integers(1, 5))
def test_among_equals_a_host_goes_over_its_cap_only_when_no_other_is_left(names: list[int], k: int, cap: int) -> None:
    answer = chosen(Select(max_per_host=cap, min_hosts=1), hosts(*names), k)
    assert len(answer) == min(k, len(names))
    shown, there = Counter(names[row] for row in answer), Counter(names)
    if any(count > cap for count in shown.values()):
        assert all(shown[name] >= min(cap, there[name]) for name in there)


def test_a_list_without_rows_has_no_columns_and_gives_an_empty_answer() -> None:
    assert len(Select()(QUERY, Candidates.empty(), 5, Trace(explain=True))) == 0
