from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from corpus.schema import InputError
from corpus.simulated_web.write import write
from corpus.urls.url import host_id, page_id, page_ids
from corpus.urls.url_rules import RULES
from evaluation.truth import JudgedPairs, SimulatedTruth, observable, open_truth
from store.page_row import FACTS, PageText, pack
from store.tables import LmdbTable, write_table

A, B, C = (f"https://site.example/{name}" for name in "abc")


def pages(*ids: int) -> np.ndarray:
    return np.array(ids, np.uint64)


@pytest.fixture
def table(tmp_path: Path):
    def row(url: str) -> bytes:
        facts = np.zeros(1, FACTS)[0]
        facts["page"], facts["host"] = page_id(url), host_id(url)
        return pack(facts, np.empty(0, np.uint32), PageText(url, "A page", "About it", "en"))

    write_table(tmp_path / "pages.lmdb", ((page_id(url), row(url)) for url in (A, B, C)))
    opened = LmdbTable(tmp_path / "pages.lmdb")
    yield opened
    opened.close()


def test_judged_pairs_return_judged_qualities() -> None:
    truth = JudgedPairs(pages(5, 5, 9), pages(7, 6, 5), np.array([1.0, 4.0, 2.0]))
    assert truth.quality(5, pages(6, 8, 7)).tolist() == pytest.approx([4, np.nan, 1], nan_ok=True)
    assert np.isnan(truth.quality(7, pages(5))).all()
    assert truth.quality(9, pages()).tolist() == []


def test_a_pair_judged_twice_gets_the_mean() -> None:
    assert JudgedPairs(pages(5, 5), pages(7, 7), np.array([1.0, 4.0])).quality(5, pages(7)).tolist() == [2.5]


def test_pairs_are_read_by_their_urls(table: LmdbTable, tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(f"url1,url2,quality\n{A}?utm_source=x,{B},3.5\n{A},https://elsewhere.example/,4\n")
    truth = open_truth(path, table, RULES)
    assert truth.name == "1 judged pairs"
    assert truth.quality(page_id(A), page_ids([B, C])).tolist() == pytest.approx([3.5, np.nan], nan_ok=True)
    assert np.isnan(truth.click_chance(page_id(A), page_ids([B])))


def test_a_truth_for_other_pages_is_a_clear_error(table: LmdbTable, tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("url1,url2,quality\nhttps://other.example/,https://other.example/b,4\n")
    with pytest.raises(InputError, match="has no pair of these pages"):
        open_truth(path, table, RULES)


def test_a_simulated_truth_has_every_pair_and_matches_the_written_table(table: LmdbTable, tmp_path: Path) -> None:
    write(tmp_path / "web", 1_000, 200, seed=0)
    truth = open_truth(tmp_path / "web/web.parquet", table, RULES)
    assert isinstance(truth, SimulatedTruth)
    written = pq.read_table(tmp_path / "web/truth.parquet").slice(0, 200).to_pylist()
    for pair in written:
        (found,) = truth.quality(page_id(pair["url1"]), page_ids([pair["url2"]]))
        assert found == pytest.approx(pair["quality"])
    first, second = page_id(written[0]["url1"]), page_ids([written[0]["url2"]])
    assert 0 < truth.click_chance(first, second) < 1
    assert truth.click_chance(first, pages()) == 0


def test_a_site_on_a_simulated_web_observes_only_its_judge(table: LmdbTable, tmp_path: Path) -> None:
    write(tmp_path / "web", 1_000, 200, seed=0)
    truth = open_truth(tmp_path / "web/web.parquet", table, RULES)
    judge = observable(truth)
    written = pq.read_table(tmp_path / "web/truth.parquet").to_pandas().groupby("url1").first().reset_index()[:400]
    asked = [(page_id(url1), page_ids([url2])) for url1, url2 in zip(written["url1"], written["url2"], strict=True)]
    error = np.array([judge.quality(*pair)[0] - truth.quality(*pair)[0] for pair in asked])
    assert 0.1 < np.abs(error).mean() < 0.5  # the noise of the model, cut at 0 and 4
    assert [judge.quality(*pair)[0] for pair in asked[:9]] == [judge.quality(*pair)[0] for pair in asked[:9]]
    assert np.isnan(judge.click_chance(*asked[0]))
    assert np.isnan(judge.quality(page_id(A), page_ids([B]))).all()


def test_judged_pairs_are_observable() -> None:
    truth = JudgedPairs(pages(5), pages(7), np.array([1.0]))
    assert observable(truth) is truth


def test_a_simulated_truth_is_nan_for_other_pages(table: LmdbTable, tmp_path: Path) -> None:
    write(tmp_path / "web", 1_000, 200, seed=0)
    truth = open_truth(tmp_path / "web/web.parquet", table, RULES)
    assert np.isnan(truth.quality(page_id(A), page_ids([B]))).all()
    assert np.isnan(truth.click_chance(page_id(A), page_ids([B])))
