"""Numbers of exports, which may be anything."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from corpus.imports.instants import from_seconds
from corpus.imports.numbers import as_number, as_whole
from tests.corpus.imports import exports
from tests.corpus.imports.conftest import Import

ODD = ["--5", "-", "", "٣", "1e999", "nan", "9" * 5000, None, [], {}, True, "１２", "²", "1_000"]
ANYTHING = st.one_of(st.text(), st.floats(), st.integers(), st.none(), st.booleans(), st.lists(st.integers()))


@given(ANYTHING)
def test_any_value_is_a_finite_number_or_none(value: object) -> None:
    assert (found := as_number(value)) is None or math.isfinite(found)
    assert (found := as_whole(value)) is None or isinstance(found, int)


def test_pythons_own_notation_is_no_number() -> None:
    assert (as_number("1_000"), as_whole("1_000")) == (None, None)


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:9])
def test_odd_numbers_of_ga4_and_matomo_cost_no_other_row(imported: Import, tmp_path: Path, odd: object) -> None:
    event = exports.ga4_event(exports.LOG[0], ms=1)
    event["event_params"][-1]["value"]["int_value"] = odd
    lines = "".join(json.dumps(each) + "\n" for each in (event, exports.ga4_event(exports.LOG[1])))
    (tmp_path / "ga4.json").write_text(lines)
    assert imported("ga4", tmp_path / "ga4.json").report.ledger.kept["views"] == 2

    visits = exports.matomo_visits()
    visits[0]["actionDetails"][0]["timeSpent"] = odd
    (tmp_path / "matomo.json").write_text(json.dumps(visits))
    assert imported("matomo", tmp_path / "matomo.json").report.ledger.kept["views"] == len(exports.LOG)


@given(ANYTHING)
@example(1e305)
def test_any_value_is_a_time_or_none(value: object) -> None:
    assert (found := from_seconds(value)) is None or isinstance(found, int)
