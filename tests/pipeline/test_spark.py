"""The steps that run on Spark make the tables that DuckDB makes, row by row: on Sail, or with --spark on Spark."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from corpus.log.engine import running
from corpus.schema import InputError
from pipeline.config import BuildConfig
from pipeline.log.counts import count
from pipeline.log.order import order
from pipeline.log.read import read
from pipeline.log.split import SNAPSHOTS
from pipeline.runner.work import InputTables, Work
from recall.coclick.step import coclicks
from store.tables import LmdbTable
from tests.conftest import write_tiny

TABLES = (
    "click_pairs",
    "impression_pairs",
    "page_clicks",
    "page_flow",
    "page_shows",
    "co_visits",
    "swing",
    "page_visits",
    "evidence",
)
SORTED = "evidence"


@pytest.fixture(scope="module")
def spark(request: pytest.FixtureRequest) -> Iterator[None]:
    """A Spark session for `SparkSession.builder.getOrCreate()`."""
    from pyspark.sql import SparkSession

    with pytest.MonkeyPatch.context() as patch:
        if request.config.getoption("--spark"):
            patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
            session = (
                SparkSession.builder.master("local[2]").config("spark.sql.shuffle.partitions", 3)
                .config("spark.ui.enabled", False).getOrCreate()
            )  # fmt: skip
            yield
            session.stop()
        else:
            from pysail.spark import SparkConnectServer

            server = SparkConnectServer("127.0.0.1", 0)
            server.start(background=True)
            patch.setenv("SPARK_REMOTE", f"sc://127.0.0.1:{server.listening_address[1]}")
            yield
            SparkSession.builder.getOrCreate().stop()
            server.stop()


def work_on(root: Path, engine: str, step: str) -> Work:
    """Return the step's work, on a directory that holds nothing yet."""
    config = BuildConfig.model_validate({"engine": {"name": engine}, "coclick": {"neighbours": 12}})
    (root / step).mkdir()
    return Work(config, root / step, root)


@pytest.fixture(scope="module")
def roots(spark: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Both engines' steps, of one reading of the tiny log."""
    duckdb, other = (tmp_path_factory.mktemp(name) for name in ("duckdb", "spark"))
    write_tiny(duckdb / "data")
    read(replace(work_on(duckdb, "duckdb", "read"), tables=InputTables(duckdb / "data")))
    pages = pq.read_table(duckdb / "read/pages.parquet", columns=["page"])["page"].to_numpy()
    neighbours = np.concatenate([pages, np.random.default_rng(0).permutation(pages)])
    weights = np.repeat([1.0, 0.3], len(pages))
    (duckdb / "text").mkdir()
    like = {"page": np.concatenate([pages, pages]), "neighbour": neighbours, "weight": weights}
    pq.write_table(pa.table(like), duckdb / "text/neighbours.parquet")
    for step in ("read", "text"):
        (other / step).symlink_to(duckdb / step)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.log.counts.withheld_pages", lambda work: pages[::9])  # the tiny log has no new pages
        for root, engine in ((duckdb, "duckdb"), (other, "spark")):
            count(work_on(root, engine, "counts"))
            order(work_on(root, engine, "order"))
            coclicks(work_on(root, engine, "coclick"))
    return duckdb, other


def table(root: Path, snapshot: str, name: str) -> pa.Table:
    read = pq.read_table(root / "counts" / snapshot / f"{name}.parquet")
    keys = [key for key in ("page", "page1", "page2") if key in read.column_names]
    return read if name == SORTED else read.sort_by([(key, "ascending") for key in keys])


@pytest.mark.parametrize("snapshot", SNAPSHOTS)
@pytest.mark.parametrize("name", TABLES)
def test_both_engines_write_the_same_counts(roots: tuple[Path, Path], snapshot: str, name: str) -> None:
    one, two = (table(root, snapshot, name) for root in roots)
    assert [(field.name, field.type) for field in one.schema] == [(field.name, field.type) for field in two.schema]
    assert len(one) == len(two) > 0
    for column in one.column_names:
        left, right = one[column].to_numpy(), two[column].to_numpy()
        if left.dtype.kind == "f":
            np.testing.assert_allclose(left, right, rtol=1e-12, err_msg=column)
        else:
            np.testing.assert_array_equal(left, right, err_msg=column)


def test_page_ids_are_uint64_and_times_have_a_zone(roots: tuple[Path, Path]) -> None:
    clicks = table(roots[1], "all", "page_clicks")
    assert clicks.schema.field("page").type == pa.uint64()
    assert clicks.schema.field("last").type == pa.timestamp("us", "UTC")
    assert clicks["page"].to_numpy().max() > 1 << 63


@pytest.mark.parametrize("snapshot", SNAPSHOTS)
def test_both_engines_make_the_same_table_of_neighbours(roots: tuple[Path, Path], snapshot: str) -> None:
    tables = [LmdbTable(root / "coclick" / snapshot / "coclick.lmdb") for root in roots]
    one, two = (dict(opened.items()) for opened in tables)
    for opened in tables:
        opened.close()
    assert one == two
    assert len(one) == 300


def test_spark_leaves_no_temporary_files(roots: tuple[Path, Path]) -> None:
    assert [path for path in roots[1].rglob("*") if "spark" in path.name] == []


def test_missing_spark_is_a_one_line_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with (
        pytest.raises(InputError, match=r"PySpark is not installed: pip install 'onward\[spark\]'"),
        running("spark", 1, "1GB", tmp_path),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_another_engine_is_refused() -> None:
    with pytest.raises(ValidationError, match="'duckdb' or 'spark'"):
        BuildConfig.model_validate({"engine": {"name": "sparc"}})


def test_every_other_day_lacks_the_withheld_pages(roots: tuple[Path, Path]) -> None:
    for root in roots:
        hidden = pq.read_table(root / "counts/withheld.parquet")["page"].to_numpy()
        days = [path for path in (root / "counts").iterdir() if path.is_dir()]
        clicked = {day.name: pq.read_table(day / "page_clicks.parquet")["page"].to_numpy() for day in days}
        lacking = {name for name, pages in clicked.items() if not np.isin(hidden, pages).any()}
        assert lacking.isdisjoint(SNAPSHOTS)
        assert len(lacking) == (len(days) - 1) // 2
