from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from store import answer_row
from store.answer_row import MOST, NOT_FOUND, NotStorable, StoredList

PAGE = 77


def stored(count: int = MOST, paths: int = 4, highest: int = 128) -> StoredList:
    generator = np.random.default_rng(count)
    ranks = generator.integers(0, highest, (paths, count)).astype(np.uint16)
    ranks[generator.random((paths, count)) < 0.5] = NOT_FOUND
    return StoredList(
        generator.choice(1 << 60, count, replace=False).astype(np.uint64),
        np.sort(generator.normal(0, 3, count).astype(np.float32))[::-1],
        generator.uniform(0, 4, count).astype(np.float32),
        generator.normal(0, 3, count).astype(np.float32),
        ranks,
        cut=True,
        dropped={"language": 7, "below": 190},
        inputs=123_456_789,
    )


@pytest.mark.parametrize(("count", "paths", "highest"), [(MOST, 4, 128), (1, 4, 128), (7, 4, 1_000), (MOST, 11, 50)])
def test_a_list_is_read_as_it_was_written(count: int, paths: int, highest: int) -> None:
    before = stored(count, paths, highest)
    after = answer_row.read(answer_row.pack(PAGE, before), paths)
    np.testing.assert_array_equal(after.pages, before.pages)
    np.testing.assert_array_equal(after.ranks, before.ranks)
    np.testing.assert_allclose(after.stage2, before.stage2, atol=2e-4)
    np.testing.assert_allclose(after.quality, before.quality, atol=4e-5)
    np.testing.assert_allclose(after.click, before.click, rtol=1e-3)
    assert (after.cut, after.dropped, after.inputs) == (True, {"language": 7, "below": 190}, 123_456_789)


def test_the_order_of_stage_2_is_kept() -> None:
    before = stored()
    after = answer_row.read(answer_row.pack(PAGE, before), 4)
    assert (np.diff(after.stage2) <= 0).all()


def test_equal_scores_stay_equal() -> None:
    row = answer_row.pack(PAGE, replace(stored(), stage2=np.full(MOST, 1.5, np.float32)))
    assert set(answer_row.read(row, 4).stage2.tolist()) == {1.5}


def test_a_full_row_found_by_two_paths_of_four_takes_less_than_600_bytes() -> None:
    assert len(answer_row.pack(PAGE, stored())) <= 600


def test_a_reason_that_rows_have_no_name_for_is_counted_as_other() -> None:
    row = answer_row.pack(PAGE, replace(stored(), dropped={"a plug-in's": 3, "spam": 0}))
    assert answer_row.read(row, 4).dropped == {"other": 3}


def test_the_hash_of_the_inputs_is_read_by_itself() -> None:
    assert answer_row.inputs_of(answer_row.pack(PAGE, stored())) == 123_456_789


def test_an_intact_row_is_one() -> None:
    assert answer_row.is_row(PAGE, answer_row.pack(PAGE, stored()))


def test_another_pages_row_is_none() -> None:
    assert not answer_row.is_row(PAGE + 1, answer_row.pack(PAGE, stored()))


def test_any_changed_or_missing_byte_is_noticed() -> None:
    row = answer_row.pack(PAGE, stored(5))
    for place in range(len(row)):
        changed = row[:place] + bytes([row[place] ^ 1]) + row[place + 1 :]
        assert not answer_row.is_row(PAGE, changed)
        assert not answer_row.is_row(PAGE, row[:place])
    assert not answer_row.is_row(PAGE, row + b"\0")


@pytest.mark.parametrize(
    "wrong",
    [
        {"stage2": np.full(MOST, np.nan, np.float32)},
        {"click": np.full(MOST, 1e6, np.float32)},  # too large for half precision
        {"quality": np.full(MOST, 4.5, np.float32)},
    ],
)
def test_scores_that_a_row_cannot_hold_are_refused(wrong: dict[str, np.ndarray]) -> None:
    with pytest.raises(NotStorable):
        answer_row.pack(PAGE, replace(stored(), **wrong))


@pytest.mark.parametrize("count", [0, MOST + 1])
def test_lists_that_are_empty_or_too_long_are_refused(count: int) -> None:
    with pytest.raises(NotStorable, match="candidates"):
        answer_row.pack(PAGE, stored(count))


def test_a_column_of_a_language_model_is_added_and_taken_away_and_changes_nothing_else() -> None:
    plain = answer_row.pack(PAGE, stored())
    column = np.linspace(-2, 2, MOST, dtype=np.float32)
    row = answer_row.with_llm(PAGE, plain, column)
    assert answer_row.is_row(PAGE, row) and len(row) == len(plain) + 2 * MOST
    before, after = answer_row.read(plain, 4), answer_row.read(row, 4)
    assert before.llm is None and after.llm is not None
    np.testing.assert_allclose(after.llm, column, atol=1e-3)
    for name in ("pages", "stage2", "quality", "click", "ranks"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    assert after.dropped == before.dropped
    assert answer_row.with_llm(PAGE, row, None) == plain
    assert answer_row.with_llm(PAGE, row, column) == row
    assert answer_row.pack(PAGE, replace(stored(), llm=column)) == row


@pytest.mark.parametrize("column", [np.zeros(MOST - 1), np.full(MOST, np.nan), np.full(MOST, 1e6)])
def test_a_column_that_a_row_cannot_hold_is_refused(column: np.ndarray) -> None:
    with pytest.raises(NotStorable, match="llm"):
        answer_row.with_llm(PAGE, answer_row.pack(PAGE, stored()), column)
