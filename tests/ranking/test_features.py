from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cascade.executor import NOT_RECALLED
from cascade.types import Candidates, Query, Trigger
from ranking.features import STAGE1, STAGE2, matrix
from recall.coclick.row import FIELDS
from store.page_row import FACTS

HOST = 7

SIMILARITIES = ("cf_cosine", "two_tower_cosine", "knowledge_cosine")


def trigger(tokens: list[int] | None = None, title_tokens: int = 2, **facts: int) -> Trigger:
    row = np.zeros(1, FACTS)[0]
    tokens = [11, 12, 13] if tokens is None else tokens
    for name, value in {"host": HOST, "title_tokens": title_tokens, "tokens": len(tokens), **facts}.items():
        row[name] = value
    return Trigger(True, row, np.array(tokens, np.uint32))


def candidates(rows: int = 1, **columns: list[object]) -> Candidates:
    facts = np.zeros(rows, FACTS)
    base = {name: facts[name] for name in FACTS.names if name != "page"}
    base |= {"token_ids": np.zeros((rows, 3), np.uint32)}
    base |= {name: np.full(rows, np.nan, np.float32) for name in SIMILARITIES}
    base |= {name: np.array(values) for name, values in columns.items()}
    return Candidates(np.arange(rows, dtype=np.uint64), base)


def feature(name: str, of: Trigger, rows: Candidates) -> list[float]:
    query = Query("https://a.example/", page=99, trigger=of)
    return matrix(query, rows, (name,))[:, 0].tolist()


def test_a_matrix_has_one_row_per_candidate_and_one_column_per_feature() -> None:
    query = Query("https://a.example/", page=99, trigger=trigger())
    found = matrix(query, candidates(3), STAGE1)
    assert found.shape == (3, len(STAGE1))
    assert found.dtype == np.float32


def test_no_feature_is_named_twice() -> None:
    assert len({*STAGE2}) == len(STAGE2)
    assert STAGE2[: len(STAGE1)] == STAGE1


def test_the_present_features_keep_their_places_so_that_trained_bundles_stay_of_use() -> None:
    assert (
        *FIELDS,
        "next_share", "back_share", "shown_share", "chosen_rate",
        "clicks_7", "clicks_28", "clicks_all", "entered", "shown", "chosen", "shown_beside",
        "page_chosen_rate", "entered_share", "trigger_left", "trigger_shown_on",
        "cf_cosine", "two_tower_cosine", "qprime_quality",
        "related_score", "related_cosine", "related_opening", "related_terms", "related_title", "related_titled",
        "related_mentions", "related_mentioned", "knowledge_cosine",
        "rank_coclick", "rank_cf", "rank_two_tower", "rank_qprime", "rank_related", "rank_knowledge",
        "same_host", "title_in_trigger", "trigger_title_in_page", "title_overlap",
        "from_share", "sources_share", "depth", "age_days",
        "after_share", "together_share", "together_from_share",
    ) == STAGE1  # fmt: skip


def test_without_a_trigger_there_are_no_features() -> None:
    with pytest.raises(ValueError, match="need the query's trigger"):
        matrix(Query("https://a.example/", page=99), candidates(), STAGE1)


def test_the_order_of_names_is_the_order_of_columns() -> None:
    query = Query("https://a.example/", page=99, trigger=trigger(left=4, shown_on=9))
    assert matrix(query, candidates(), ("trigger_shown_on", "trigger_left")).tolist() == [[9, 4]]


def test_shares_have_weak_priors() -> None:
    rows = candidates(next_all=[10.0], back_all=[3.0], left=[1], shown_all=[30.0], chosen_all=[9.0])
    of = trigger(left=15, shown_on=40)
    assert feature("next_share", of, rows) == [10 / 20]
    assert feature("back_share", of, rows) == [3 / 6]
    assert feature("shown_share", of, rows) == [30 / 60]
    assert feature("chosen_rate", of, rows) == [10 / 40]


def test_shares_of_co_visits_are_of_the_visits_of_both_pages() -> None:
    rows = candidates(after_all=[5.0], together_all=[10.0], clicks_all=[35])
    of = trigger(clicks_all=15)
    assert feature("after_share", of, rows) == [5 / 20]
    assert feature("together_share", of, rows) == [10 / 20]
    assert feature("together_from_share", of, rows) == [10 / 40]


def test_a_path_that_did_not_find_the_page_has_no_rank() -> None:
    rows = candidates(2, rank_cf=np.array([3, NOT_RECALLED], np.uint16))
    first, second = feature("rank_cf", trigger(), rows)
    assert first == 3
    assert np.isnan(second)


@pytest.mark.parametrize("name", [*FIELDS, "qprime_quality"])
def test_a_missing_column_equals_a_path_that_did_not_find_the_page(name: str) -> None:
    absent = candidates()
    zero = candidates(**{name: [0.0]})
    assert feature(name, trigger(), absent) == feature(name, trigger(), zero) == [0.0]


@pytest.mark.parametrize("name", SIMILARITIES)
def test_a_similarity_that_failed_is_unknown(name: str) -> None:
    rows = candidates()
    rest = Candidates(rows.pages, {column: rows[column] for column in rows.columns if column != name})
    assert np.isnan(feature(name, trigger(), rest)).all()


def test_same_host_compares_hosts() -> None:
    assert feature("same_host", trigger(), candidates(2, host=[HOST, 8])) == [1.0, 0.0]


def test_text_features_compare_words() -> None:
    # The trigger's title is 11 12, its snippet 13; the page's title is 12 13, its snippet 11.
    rows = candidates(token_ids=[[12, 13, 11]], title_tokens=[2])
    of = trigger()
    assert feature("title_in_trigger", of, rows) == [1.0]
    assert feature("trigger_title_in_page", of, rows) == [1.0]
    assert feature("title_overlap", of, rows) == [0.5]


def test_padding_is_not_a_word() -> None:
    rows = candidates(token_ids=[[12, 0, 0]], title_tokens=[1])
    assert feature("title_in_trigger", trigger([0, 0]), rows) == [0.0]


def test_a_trigger_without_words_shares_none() -> None:
    of = trigger([], 0)
    rows = candidates(token_ids=[[12, 13, 11]], title_tokens=[2])
    for name in ("title_in_trigger", "trigger_title_in_page", "title_overlap"):
        assert feature(name, of, rows) == [0.0]


def test_no_candidates_give_an_empty_matrix() -> None:
    query = Query("https://a.example/", page=99, trigger=trigger())
    assert matrix(query, candidates(0), STAGE1).shape == (0, len(STAGE1))


def test_other_candidates_do_not_change_a_row() -> None:
    rows = candidates(3, token_ids=[[12, 13, 0], [1, 2, 3], [11, 0, 0]], title_tokens=[1, 2, 1], next_all=[1.0, 2, 3])
    query = replace(Query("https://a.example/", page=99), trigger=trigger())
    whole = matrix(query, rows, STAGE1)
    alone = matrix(query, rows.take(np.array([2])), STAGE1)
    assert np.array_equal(whole[2:], alone, equal_nan=True)
