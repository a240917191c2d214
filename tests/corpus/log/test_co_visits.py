"""Co-visits of logs that can be checked by hand."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import product

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pytest

from corpus.log import co_visits
from corpus.log.counts import Reach

END = datetime(2025, 3, 1, tzinfo=UTC)
A, B, C, D = 10, 20, 30, 40
REACH = Reach()
#: days before END, pages
SESSIONS = [(0.5, [A, B, C]), (5.0, [A, B]), (60.0, [A, C, B, A])]


def pages_of(sessions: list[tuple[float, list[int]]], end: datetime = END) -> ir.Table:
    rows = [
        (number, page, END - timedelta(days=days) + timedelta(seconds=step), step)
        for number, (days, pages) in enumerate(sessions)
        for step, page in enumerate(pages)
    ]
    session, page, time, step = zip(*rows, strict=True)
    types = {"session": pa.uint64(), "page": pa.uint64(), "time": pa.timestamp("us", "UTC"), "step": pa.int32()}
    columns = [pa.array(values, kind) for values, kind in zip((session, page, time, step), types.values(), strict=True)]
    return co_visits.session_pages(ibis.memtable(pa.table(columns, names=[*types])), end)


def by_pair(table: ir.Table) -> dict[tuple[int, int], dict[str, float]]:
    return {(row["page1"], row["page2"]): row for row in table.to_pyarrow().to_pylist()}


def test_sessions_with_both_pages_are_counted_once_each_by_window() -> None:
    found = by_pair(co_visits.co_visits(pages_of(SESSIONS), END, REACH))
    assert [found[A, B][f"together_{window}"] for window in ("7", "28", "all")] == [2, 2, 3]
    assert [found[B, A][f"together_{window}"] for window in ("7", "28", "all")] == [2, 2, 3]
    assert found[A, C]["together_all"] == 2


def test_after_is_directed_at_any_distance() -> None:
    found = by_pair(co_visits.co_visits(pages_of(SESSIONS), END, REACH))
    assert [found[A, B][f"after_{window}"] for window in ("7", "28", "all")] == [2, 2, 3]
    assert [found[B, A][f"after_{window}"] for window in ("7", "28", "all")] == [0, 0, 1]  # A again, at the end
    assert found[A, B]["after_back"] == pytest.approx(1 / math.log2(5))


def test_long_sessions_weigh_less() -> None:
    found = by_pair(co_visits.co_visits(pages_of(SESSIONS), END, REACH))
    assert found[A, B]["together"] == pytest.approx(1 / math.log2(4) + 1 / math.log2(3) + 1 / math.log2(5))


def test_pages_too_far_apart_are_not_a_co_visit() -> None:
    found = by_pair(co_visits.co_visits(pages_of([(1.0, [A, B, C])]), END, Reach(together=1)))
    assert {*found} == {(A, B), (B, A), (B, C), (C, B)}


def test_nothing_is_counted_at_or_after_the_end() -> None:
    end = END - timedelta(days=5)
    found = by_pair(co_visits.co_visits(pages_of(SESSIONS, end), end, REACH))
    assert found[A, B]["together_all"] == 1
    assert found[A, B]["last"] < end


def test_a_page_weighs_as_its_sessions() -> None:
    weights = {row["page"]: row["weight"] for row in co_visits.page_visits(pages_of(SESSIONS)).to_pyarrow().to_pylist()}
    assert weights[C] == pytest.approx(1 / math.log2(4) + 1 / math.log2(5))


def swing_by_hand(sessions: list[list[int]], page1: int, page2: int, smoothing: float) -> float:
    """TRAWL, equation 1, term by term."""
    both = [set(pages) for pages in sessions if {page1, page2} <= set(pages)]
    return sum(1 / (smoothing + len(one & other)) for one, other in product(both, both))


def random_sessions(count: int) -> list[list[int]]:
    draw = np.random.default_rng(3)
    return [draw.choice(8, draw.integers(2, 6), replace=False).tolist() for _ in range(count)]


def test_swing_is_equation_1_of_trawl() -> None:
    sessions, reach = random_sessions(40), Reach(swing_sessions=40, swing_smoothing=0.5)
    found = by_pair(co_visits.swing(pages_of([(1.0, pages) for pages in sessions]), reach))
    assert len(found) > 20
    for page1, page2 in found:
        expected = swing_by_hand(sessions, page1, page2, 0.5)
        assert found[page1, page2]["swing"] == pytest.approx(expected)


def test_swing_of_a_hub_is_estimated_from_its_latest_sessions() -> None:
    sessions = random_sessions(400)
    dated = [(float(day), pages) for day, pages in enumerate(sessions, 1)]
    found = by_pair(co_visits.swing(pages_of(dated), Reach(swing_sessions=24)))
    ratio = [row["swing"] / swing_by_hand(sessions, *pair, 1.0) for pair, row in found.items()]
    assert np.mean(ratio) == pytest.approx(1, abs=0.05)


def test_a_pair_of_one_session_has_no_swing() -> None:
    assert by_pair(co_visits.swing(pages_of([(1.0, [A, B]), (1.0, [C, D])]), REACH)) == {}


def test_pages_that_always_come_with_the_same_others_swing_less() -> None:
    alike = by_pair(co_visits.swing(pages_of([(1.0, [A, B, C, D])] * 3), REACH))[A, B]["swing"]
    unlike = by_pair(co_visits.swing(pages_of([(1.0, [A, B, n, n + 1]) for n in (50, 60, 70)]), REACH))[A, B]["swing"]
    assert unlike > alike
