from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recall.qprime.config import Generic, QueryFilters
from recall.qprime.queries.filters import filtered
from recall.qprime.queries.generic import mean_cosine, query_key, shared_words
from recall.qprime.queries.written import WrittenBatch, read_queries, written_file
from recall.qprime.queries.written_for import Vectors, WrittenFor
from recall.qprime.writers.writer import WrittenQuery

DEFAULTS = QueryFilters()
SUBJECTS = [
    "red foxes hunt small rodents",
    "rye bread needs sourdough and time",
    "tax forms are due in spring",
    "steel bolts of every thread",
    "opera arias for a soprano voice",
    "used bicycles at fair prices",
]


def facts(count: int, vectors: Vectors | None = None, language: str = "en", related: bool = False) -> WrittenFor:
    """Return pages 1, 2, … on six subjects, or on one when related."""
    titles = [SUBJECTS[0 if related else n % len(SUBJECTS)] for n in range(count)]
    ids, snippets = (
        pa.array(range(1, count + 1), pa.uint64()),
        [f"number {n} unlike{n} others{n}" for n in range(count)],
    )
    table = pa.table({"page": ids, "language": [language] * count, "title": titles, "snippet": snippets})
    return WrittenFor.of(table, vectors)


def kept(
    queries: list[list[WrittenQuery]], known: WrittenFor, config: QueryFilters = DEFAULTS
) -> tuple[list[list[str]], Counter[str]]:
    """Return the texts that are left of the queries of pages 1, 2, … and the drops."""
    dropped: Counter[str] = Counter()
    with TemporaryDirectory() as folder:
        one, two = Path(folder) / "in.parquet", Path(folder) / "out.parquet"
        with written_file(one) as file:
            file.write_table(WrittenBatch.of(range(1, len(queries) + 1), queries).to_arrow())
        total = filtered(one, two, known, config, dropped)
        left = [[query.text for query in own] for batch in read_queries(two) for own in batch.queries]
    assert total == sum(map(len, left)) == sum(map(len, queries)) - sum(dropped.values())
    return left, dropped


def texts(*queries: str) -> list[WrittenQuery]:
    return [WrittenQuery(query) for query in queries]


def test_queries_in_another_language_are_dropped_and_counted() -> None:
    written = texts("富士山の登山", "how to locate and replace fuses", "Rotfuchs in der Stadt", "iPhone 15 Pro Max")
    left, dropped = kept([written], facts(1, language="de"))
    assert left == [["Rotfuchs in der Stadt", "iPhone 15 Pro Max"]]
    assert dropped == {"language": 2}


def test_an_unknown_page_has_no_language() -> None:
    assert kept([texts("富士山の登山")], facts(0))[0] == [["富士山の登山"]]


@pytest.mark.parametrize("query", ["", "?!", "ab", "word " * 25, "x" * 161, "猫", "山" * 60])
def test_a_query_that_is_too_short_or_too_long_is_dropped(query: str) -> None:
    assert kept([texts(query)], facts(1, language="")) == ([[]], Counter(length=1))


@pytest.mark.parametrize(
    "query", ["cat", "東京", "R2D2", "word " * 20, "富士山 吉田ルート 山小屋 予約方法", "วิธีทำต้มยำกุ้งน้ำข้น"]
)
def test_a_query_of_usual_length_is_kept(query: str) -> None:
    assert kept([texts(query)], facts(1, language=""))[0] == [[query]]


def test_of_near_duplicates_of_a_page_the_first_is_kept() -> None:
    left, dropped = kept([texts("red fox diet", "Diet: red fox", "fox cubs"), texts("red fox diet")], facts(2))
    assert left == [["red fox diet", "fox cubs"], ["red fox diet"]]
    assert dropped == {"near-duplicate": 1}


def test_a_dropped_query_does_not_make_others_near_duplicates() -> None:
    written = [WrittenQuery("red fox diet", 0.1), WrittenQuery("diet red fox", 0.9)]
    assert kept([written], facts(1)) == ([["diet red fox"]], Counter(relevance=1))


@pytest.mark.parametrize("relevance", [0.29, float("nan")])
def test_a_query_of_low_relevance_is_dropped(relevance: float) -> None:
    assert kept([[WrittenQuery("red fox diet", relevance)]], facts(1))[1] == {"relevance": 1}


def test_a_query_for_many_unrelated_pages_is_generic() -> None:
    left, dropped = kept(
        [texts("Community and forum!", f"own {n} query")[:: 1 - 2 * (n % 2)] for n in range(20)], facts(20)
    )
    assert left == [[f"own {n} query"] for n in range(20)]
    assert dropped == {"generic": 20}


def test_spellings_of_one_query_are_counted_together() -> None:
    spellings = ["community and forum", "Community and Forum", "community, and forum."]
    assert kept([texts(spellings[n % 3]) for n in range(20)], facts(20))[1] == {"generic": 20}


def test_a_query_for_fewer_pages_is_not_generic() -> None:
    assert not kept([texts("community and forum", "community and forum") for _ in range(19)], facts(19))[1]["generic"]


def test_a_query_for_many_pages_on_one_subject_is_kept() -> None:
    assert not kept([texts("red fox diet") for _ in range(30)], facts(30, related=True))[1]


def test_vectors_take_precedence_over_words() -> None:
    def alike(rows: NDArray[np.intp]) -> NDArray[np.float32]:
        return np.ones((len(rows), 4), np.float32)

    def unlike(rows: NDArray[np.intp]) -> NDArray[np.float32]:
        return np.eye(30, dtype=np.float32)[rows]

    written = [texts("community and forum") for _ in range(30)]
    assert not kept(written, facts(30, alike))[1]
    assert kept(written, facts(30, unlike, related=True))[1] == {"generic": 30}


def test_vectors_are_read_only_for_a_sample() -> None:
    asked: list[list[int]] = []

    def vectors(rows: NDArray[np.intp]) -> NDArray[np.float32]:
        asked.append(rows.tolist())
        return np.eye(30, dtype=np.float32)[rows]

    config = QueryFilters(generic=Generic(pages=10, sample=3))
    assert kept([texts("community and forum") for _ in range(30)], facts(30, vectors), config)[1] == {"generic": 30}
    assert asked == [[0, 1, 2]]


def test_facts_of_a_file_equal_those_of_the_table(tmp_path: Path) -> None:
    ids = pa.array([3, 5, 9], pa.uint64())
    table = pa.table(
        {"page": ids, "language": ["de", None, "en"], "title": ["A", None, "C"], "snippet": ["x" * 900, "b", None]}
    )
    pq.write_table(table, tmp_path / "pages.parquet")
    for known in (WrittenFor.of(table), WrittenFor.of(tmp_path / "pages.parquet")):
        rows = known.rows(np.array([9, 4, 3, 0, 5, 2**64 - 1], np.uint64))
        assert rows.tolist() == [2, -1, 0, -1, 1, -1]
        assert known.languages_of(rows) == ["en", "", "de", "", "", ""]
        assert known.texts(np.array([0, 1, 2])) == ["A " + "x" * 500, " b", "C "]


def test_pages_that_failed_or_deserve_no_query_are_unchanged(tmp_path: Path) -> None:
    one, two = tmp_path / "in.parquet", tmp_path / "out.parquet"
    with written_file(one) as file:
        file.write_table(WrittenBatch.of([1, 2, 3], [None, [], texts("?")]).to_arrow())
    assert filtered(one, two, facts(3)) == 0
    (batch,) = read_queries(two)
    assert (batch.pages.tolist(), batch.outcomes) == ([1, 2, 3], ["failed", "none", "written"])


def test_similarity_of_vectors_and_words() -> None:
    # Cosines of three vectors: 0, 1/√2 and 1/√2.
    assert mean_cosine(np.array([[2, 0], [0, 3], [1, 1]], np.float32)) == pytest.approx(2**0.5 / 3)
    assert mean_cosine(np.zeros((3, 2), np.float32)) == 0.0
    # Pairs share 1, 0 and 0 words; texts have 2, 2 and 2.
    assert shared_words(["Red fox", "red hen", "blue sky"]) == pytest.approx(1 / 3 / 2)
    assert shared_words(["", ""]) == 0.0


PAGE = st.lists(
    st.builds(WrittenQuery, st.text(st.characters(codec="utf-8"), max_size=12), st.floats(0, 1)), max_size=6
)


@given(st.lists(PAGE, max_size=5))
def test_remaining_queries_keep_their_order(written: list[list[WrittenQuery]]) -> None:
    left, _ = kept(written, facts(len(written)), QueryFilters(generic=Generic(pages=2)))
    for own, before in zip(left, written, strict=True):
        rest = iter(query.text for query in before)
        assert all(query in rest for query in own)
        assert len({query_key(query) for query in own}) == len(own)


@given(st.lists(PAGE, max_size=4))
def test_filtering_twice_changes_nothing(written: list[list[WrittenQuery]]) -> None:
    known = facts(len(written))
    left, _ = kept(written, known)
    again = [texts(*own) for own in left]
    assert kept(again, known) == (left, Counter())


@pytest.mark.parametrize("related", [True, False])
def test_pages_that_the_encoder_cannot_read_are_compared_by_words(related: bool) -> None:
    def nothing(rows: NDArray[np.intp]) -> NDArray[np.float32]:
        return np.zeros((len(rows), 4), np.float32)

    known = facts(30, nothing, related=related)
    assert kept([texts("community and forum") for _ in range(30)], known)[1]["generic"] == (0 if related else 30)
