import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cascade.types import Query
from recall.merge import merge
from recall.qprime.lookup import QPrimeRecall
from recall.qprime.row import pack
from store.tables import LmdbTable, write_table

QUERY = Query("https://a.example/fox", page=5)


@pytest.fixture
def path(tmp_path: Path) -> QPrimeRecall:
    row = pack(
        np.array([3, 5, 9], np.uint64), np.array([4, 3, 2], np.float32), np.array([1, 0, 0]), ["fox", "arctic fox"]
    )
    write_table(tmp_path / "qprime.lmdb", [(5, row)])
    return QPrimeRecall(LmdbTable(tmp_path / "qprime.lmdb"))


async def test_candidates_come_best_first_with_their_query(path: QPrimeRecall) -> None:
    found = await path.recall(QUERY, 10)
    assert found.pages.tolist() == [3, 9]  # without the query's own page
    assert found["qprime_query"].tolist() == ["arctic fox", "fox"]
    assert found["qprime_quality"].tolist() == pytest.approx([4, 2], abs=0.01)


async def test_no_more_than_the_limit(path: QPrimeRecall) -> None:
    assert (await path.recall(QUERY, 1)).pages.tolist() == [3]


async def test_a_page_without_a_row_has_no_candidates(path: QPrimeRecall) -> None:
    assert len(await path.recall(Query("https://a.example/owl", page=6), 10)) == 0


async def test_merging_leaves_the_query_of_other_paths_pages_empty(path: QPrimeRecall) -> None:
    found = await path.recall(QUERY, 10)
    merged = merge({"qprime": found.take(np.array([0])), "other": found.take(np.array([1])).with_columns({})})
    assert merged.pages.tolist() == [3, 9]
    one = merge({"other": type(found)(np.array([1], np.uint64)), "qprime": found})
    assert one["qprime_query"].tolist() == ["", "arctic fox", "fox"]


def test_the_online_half_imports_nothing_of_the_offline_half() -> None:
    code = (
        "import sys, recall.qprime.lookup, recall.popular.lookup;"
        "print([m for m in ('torch', 'pyarrow', 'tantivy', 'scipy', 'stop_words') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
