"""Rows of the `related` table, made of signals written by hand."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_matrix

from recall import ann
from recall.related.build import PageFacts, rows
from recall.related.config import RelatedConfig, Weights
from recall.related.row import FIELDS, NEIGHBOUR, is_row, read
from recall.related.signals import Signals
from recall.related.terms import unit_rows

PAGES = np.arange(1, 7, dtype=np.uint64)
COUNT = len(PAGES)


def facts(**columns: list[object]) -> PageFacts:
    known = {
        "address": list(range(1, COUNT + 1)),
        "fingerprint": [1 << (8 * i) | 0xF << (8 * i) for i in range(COUNT)],
        "spam": [False] * COUNT,
        "language": ["en"] * COUNT,
    } | columns
    types = {"address": pa.uint64(), "fingerprint": pa.uint64(), "spam": pa.bool_(), "language": pa.string()}
    table = pa.table({name: pa.array(known[name], kind) for name, kind in types.items()})
    return PageFacts(table, np.zeros(len(table), np.uint64))


def signals(mentions: dict[tuple[int, int], float] | None = None) -> Signals:
    """Pages whose vectors turn away from the first page's, the further the later they come."""
    angle = np.arange(COUNT) * 0.2
    vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    named = np.zeros((COUNT, COUNT), np.float32)
    for pair, value in (mentions or {}).items():
        named[pair] = value
    weights = csr_matrix(np.eye(COUNT, dtype=np.float32))
    index = ann.build(PAGES, vectors)
    return Signals(vectors, vectors, unit_rows(weights), weights, weights, csr_matrix(named), (index, index), PAGES)


def built(signals: Signals, facts: PageFacts, neighbours: int = 3, **weights: float) -> dict[int, np.ndarray]:
    config = RelatedConfig(neighbours=neighbours, weights=Weights(**weights))
    return {page: read(row) for page, row in rows(signals, facts, config, lambda done: None)}


def test_the_nearest_pages_come_first() -> None:
    made = built(signals(), facts())
    assert made[1]["page"].tolist() == [2, 3, 4]
    assert made[6]["page"].tolist() == [5, 4, 3]


def test_a_page_that_is_named_comes_before_nearer_ones_and_the_columns_say_why() -> None:
    made = built(signals({(0, 5): 2.0}), facts(), mentions=9.0, mentioned=9.0)
    assert made[1]["page"].tolist() == [6, 2, 3]
    assert made[1]["related_mentions"].tolist() == [2, 0, 0]
    assert made[6]["page"].tolist() == [1, 5, 4]
    assert made[6]["related_mentioned"].tolist() == [2, 0, 0]


def test_a_page_that_only_another_signal_finds_has_its_cosine_too() -> None:
    made = built(signals({(0, 5): 2.0}), facts(), neighbours=1, mentions=9.0)
    assert made[1]["related_cosine"][0] == np.float16(np.cos(1.0))


@pytest.mark.parametrize(
    "columns",
    [
        {"spam": [False, True, *[False] * 4]},
        {"language": ["en", "fr", *["en"] * 4]},
        {"fingerprint": [15, 14, *[255 << 8 * i for i in (1, 2, 3)], 0]},
        {"address": [1, 1, 3, 4, 5, 6]},
    ],
    ids=["spam", "language", "near-copy", "address"],
)
def test_what_serving_would_drop_takes_no_place(columns: dict[str, list[object]]) -> None:
    assert built(signals(), facts(**columns))[1]["page"].tolist() == [3, 4, 5]


def test_of_copies_the_best_has_a_place() -> None:
    made = built(signals(), facts(address=[1, 7, 7, 7, 5, 6]))
    assert made[1]["page"].tolist() == [2, 5, 6]


def test_pages_beyond_many_copies_are_found_and_a_copy_of_a_dropped_copy_is_kept() -> None:
    count = 60
    bits = np.full(count, 0xFF, np.uint64)  # copies of the first
    bits[-2:] = (0xFFFF << 16, 0xFFFF << 40)
    known = facts(address=list(range(1, count + 1)), fingerprint=bits.tolist(), spam=[False] * count,
                  language=["en"] * count)  # fmt: skip
    assert known.distinct(np.arange(count), 3) == [0, count - 2, count - 1]
    assert known.distinct(np.arange(count), 1) == [0]
    chain = facts(fingerprint=[0xFF, 0xFF | 7 << 20, 0xFF | 63 << 20, 1, 3 << 30, 7 << 50])
    assert chain.distinct(np.arange(3), 3) == [0, 2]


def test_rows_are_valid_and_a_damaged_one_is_not() -> None:
    for page, row in rows(signals(), facts(), RelatedConfig(neighbours=3), lambda done: None):
        assert is_row(page, row)
        assert not is_row(page, row[:-1])
        assert not is_row(int(read(row)["page"][0]), row)
        assert not is_row(page, row[NEIGHBOUR.itemsize :] + row[: NEIGHBOUR.itemsize])
    assert not is_row(1, b"")


def test_scores_are_above_those_of_pages_without_a_row() -> None:
    made = built(signals(), facts(), cosine=-9.0)
    assert all((row["related_score"] > 0).all() for row in made.values())
    assert set(FIELDS) < set(NEIGHBOUR.names or ())
