"""Counts of a log that can be checked by hand, through the real engine, to rows as they are served."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cascade.types import Query
from corpus.log import co_visits, counts
from corpus.log.engine import connect, write
from corpus.log.pair_counts import Counted, pair_evidence
from recall.coclick.build import Sources, neighbour_rows, pack_rows, rates, shared_rows
from recall.coclick.config import CoclickConfig
from recall.coclick.orders import ORDERS
from recall.coclick.row import FIELDS, NEIGHBOUR, read
from recall.coclick.weights import fitted
from recall.neighbours import NeighbourRecall
from store.tables import LmdbTable, write_table

END = datetime(2025, 3, 1, tzinfo=UTC)
A, B, C, D = 10, 20, 30, 40
Pair = dict[str, float]
EVEN = dict.fromkeys(ORDERS, 1 / len(ORDERS))
#: session -> days before END, pages
SESSIONS = {1: (0.5, [A, B, C]), 2: (5, [A, B]), 3: (60, [A, C, B, A])}
#: days before END, page1, page2, clicked
SHOWN = [(2, A, B, True), (10, A, B, False), (40, A, D, False)]


def clicks(sessions: dict[int, tuple[float, list[int]]] = SESSIONS) -> pa.Table:
    rows = [
        (session, page, END - timedelta(days=days) + timedelta(seconds=step), step)
        for session, (days, pages) in sessions.items()
        for step, page in enumerate(pages)
    ]
    session, page, time, step = zip(*rows, strict=True)
    types = [pa.uint64(), pa.uint64(), pa.timestamp("us", "UTC"), pa.int32()]
    columns = [pa.array(values, kind) for values, kind in zip((session, page, time, step), types, strict=True)]
    return pa.table(columns, names=["session", "page", "time", "step"])


def impressions() -> pa.Table:
    days, page1, page2, clicked = zip(*SHOWN, strict=True)
    return pa.table(
        {
            "time": pa.array([END - timedelta(days=day) for day in days], pa.timestamp("us", "UTC")),
            "page1": pa.array(page1, pa.uint64()),
            "page2": pa.array(page2, pa.uint64()),
            "clicked": pa.array(clicked),
        }
    )


class Log:
    """The hand-made log, counted by embedded DuckDB."""

    def __init__(self, directory: Path, log: pa.Table, end: datetime = END, reach: counts.Reach | None = None) -> None:
        self.directory = directory
        self.engine = connect(threads=1)
        pq.write_table(log, directory / "clicks.parquet")
        pq.write_table(impressions(), directory / "impressions.parquet")
        self.clicks = self.engine.read_parquet(str(directory / "clicks.parquet"))
        self.shown = counts.impression_pairs(self.engine.read_parquet(str(directory / "impressions.parquet")), end)
        reach = reach or counts.Reach()
        self.pairs = counts.click_pairs(self.clicks, end, reach)
        pages = co_visits.session_pages(self.clicks, end)
        self.together = co_visits.co_visits(pages, end, reach)
        self.swings = co_visits.swing(pages, reach)
        self.visits = co_visits.page_visits(pages)

    def click_pairs(self) -> dict[tuple[int, int], Pair]:
        return _by_pair(self.pairs.to_pyarrow())

    def shown_pairs(self) -> dict[tuple[int, int], Pair]:
        return _by_pair(self.shown.to_pyarrow())

    def evidence(self) -> dict[tuple[int, int], Pair]:
        return _by_pair(self.evidence_of().to_pyarrow())

    def evidence_of(self, pages: ir.Table | None = None) -> ir.Table:
        return pair_evidence(Counted(self.pairs, self.shown, self.together, self.swings, self.visits), pages)

    def sources(self, like: ir.Table, config: CoclickConfig, lenders: ir.Table | None = None) -> Sources:
        evidence = self.evidence_of(lenders)
        return Sources(evidence, rates(evidence, config), like, counts.page_flow(self.pairs))

    def table(self, like: list[tuple[int, int, float]], config: CoclickConfig) -> LmdbTable:
        page, neighbour, weight = zip(*[(p, p, 1.0) for p in (A, B, C, D)], *like, strict=True)
        types = {"page": pa.uint64(), "neighbour": pa.uint64(), "weight": pa.float64()}
        columns = [pa.array(v, kind) for v, kind in zip((page, neighbour, weight), types.values(), strict=True)]
        pq.write_table(pa.table(columns, names=[*types]), self.directory / "like.parquet")
        text_neighbours = self.engine.read_parquet(str(self.directory / "like.parquet"))
        write(
            self.engine,
            made_of(self.sources(text_neighbours, config), config),
            self.directory / "rows.parquet",
        )
        batches = pq.ParquetFile(self.directory / "rows.parquet").iter_batches(batch_size=2)
        write_table(self.directory / "coclick.lmdb", pack_rows(batches))
        return LmdbTable(self.directory / "coclick.lmdb")


def made_of(sources: Sources, config: CoclickConfig, pages: ir.Table | None = None) -> ir.Table:
    return neighbour_rows(shared_rows(sources, config, pages), sources.evidence, EVEN, config)


def _by_pair(table: pa.Table) -> dict[tuple[int, int], Pair]:
    return {(row["page1"], row["page2"]): row for row in table.to_pylist()}


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path, clicks())


def test_direct_steps_are_counted_by_window(log: Log) -> None:
    a_b = log.click_pairs()[A, B]
    assert [a_b[f"next_{window}"] for window in ("1", "7", "28", "all")] == [1, 2, 2, 2]


def test_old_sessions_count_only_in_the_whole_log(log: Log) -> None:
    a_c = log.click_pairs()[A, C]
    assert [a_c[f"next_{window}"] for window in ("1", "7", "28", "all")] == [0, 0, 0, 1]


def test_direction_matters(log: Log) -> None:
    pairs = log.click_pairs()
    assert pairs[B, A]["next_all"] == 1
    assert pairs[C, B]["next_all"] == 1
    assert pairs[B, C]["next_all"] == 1


def test_nearness_decays_with_steps_and_is_damped_by_length(log: Log) -> None:
    # Session 1 of three pages and session 2 of two: one step each. Session 3 of four pages: two steps.
    expected = 1 / math.log2(4) + 1 / math.log2(3) + 0.6 / math.log2(5)
    assert log.click_pairs()[A, B]["near"] == pytest.approx(expected)


def test_a_page_is_not_its_own_neighbour(log: Log) -> None:
    assert all(page1 != page2 for page1, page2 in log.click_pairs())


def test_pages_too_far_apart_are_not_a_pair(tmp_path: Path) -> None:
    log = Log(tmp_path, clicks({1: (1, [A, B, C])}), reach=counts.Reach(steps=1))
    assert {*log.click_pairs()} == {(A, B), (B, C)}


def test_nothing_is_counted_at_or_after_the_end(tmp_path: Path) -> None:
    end = END - timedelta(days=5)  # the moment at which session 2 begins
    log = Log(tmp_path, clicks(), end)
    assert log.click_pairs()[A, B]["next_all"] == 0
    assert log.shown_pairs()[A, B]["shown_all"] == 1


def test_a_pair_has_the_time_of_its_last_count(log: Log) -> None:
    assert log.click_pairs()[A, C]["last"] == END - timedelta(days=0.5) + timedelta(seconds=2)
    assert log.shown_pairs()[A, D]["last"] == END - timedelta(days=40)


def test_impressions_and_clicks_are_counted_by_window(log: Log) -> None:
    a_b = log.shown_pairs()[A, B]
    assert [a_b[f"shown_{window}"] for window in ("1", "7", "28", "all")] == [0, 1, 2, 2]
    assert [a_b[f"chosen_{window}"] for window in ("1", "7", "28", "all")] == [0, 1, 1, 1]


def test_evidence_has_both_directions(log: Log) -> None:
    evidence = log.evidence()
    assert evidence[B, A]["back_all"] == evidence[A, B]["next_all"] == 2
    assert evidence[B, A]["shown_back"] == 2
    assert evidence[D, A]["shown_back"] == 1  # no reader went from D to A, but the pair was seen


def test_page_counts_are_sums_over_pairs(log: Log) -> None:
    flow = {row["page"]: row for row in counts.page_flow(log.pairs).to_pyarrow().to_pylist()}
    assert (flow[A]["left"], flow[A]["entered"]) == (3, 1)
    assert flow[A]["sources"] == sum(1 for (_, to), row in log.evidence().items() if to == A and row["next_all"])
    shows = {row["page"]: row for row in counts.page_shows(log.shown).to_pyarrow().to_pylist()}
    assert (shows[A]["shown_on"], shows[B]["shown"], shows[B]["chosen"], shows[B]["shown_beside"]) == (3, 2, 1, 1)


async def test_a_row_has_the_counts_of_its_pairs(log: Log) -> None:
    path = NeighbourRecall("coclick", log.table([], CoclickConfig()), NEIGHBOUR)
    found = await path.recall(Query("https://a.example/", page=A), 10)
    assert found.pages.tolist()[0] == B
    row = found.pages.tolist().index(B)
    assert (found["next_all"][row], found["back_all"][row], found["shown_all"][row], found["chosen_all"][row]) == (
        2,
        1,
        2,
        1,
    )
    assert {found[name].dtype for name in FIELDS} == {np.dtype(np.float32)}


def test_rates_have_a_prior(log: Log) -> None:
    row = read(log.table([], CoclickConfig(prior=3.0)).read(np.array([A], np.uint64))[0])
    of_b = row[row["page"] == B][0]
    assert of_b["borrowed_next"] == pytest.approx(2 / (3 + 3), rel=1e-3)  # A itself, weight 1


def test_an_unvisited_page_borrows_from_similar_pages(log: Log) -> None:
    table = log.table([(D, A, 0.5)], CoclickConfig(prior=3.0))
    of_b = next(n for n in read(table.read(np.array([D], np.uint64))[0]) if n["page"] == B)
    assert of_b["next_all"] == 0
    assert of_b["borrowed_next"] == pytest.approx(0.5 * 2 / 6, rel=1e-3)


def test_popular_pages_are_damped(tmp_path: Path) -> None:
    sessions = {n: (1, [C, A]) for n in range(3)} | {n + 3: (1, [C, B]) for n in range(3)}
    sessions |= {n + 6: (1, [D, A]) for n in range(20)}
    row = read(Log(tmp_path, clicks(sessions)).table([], CoclickConfig()).read(np.array([C], np.uint64))[0])
    assert row["page"][:2].tolist() == [B, A]  # as often after C, but the whole world goes to A


def test_a_row_keeps_the_best_neighbours_in_order(log: Log) -> None:
    whole = read(log.table([], CoclickConfig()).read(np.array([A], np.uint64))[0])
    assert (np.diff(whole["affinity"]) <= 0).all()
    one = read(Log(log.directory, clicks()).table([], CoclickConfig(neighbours=1)).read(np.array([A], np.uint64))[0])
    assert one["page"].tolist() == whole["page"][:1].tolist()


def test_counts_too_big_for_a_row_are_clipped() -> None:
    batch = pa.RecordBatch.from_pydict(
        {"page1": [A], "page2": [B]} | {name: [1e9 if name == "next_all" else 0.0] for name in FIELDS}
    )
    ((page, row),) = pack_rows(iter([batch]))
    assert page == A
    assert read(row)["next_all"].tolist() == [65_535]


def test_the_swing_of_a_pair_of_many_sessions_is_stored_whole() -> None:
    found = {name: [3e6 if name == "swing" else 0.0] for name in FIELDS}
    ((_, row),) = pack_rows(iter([pa.RecordBatch.from_pydict({"page1": [A], "page2": [B]} | found)]))
    assert read(row)["swing"].tolist() == [3e6]


def test_an_empty_batch_is_skipped() -> None:
    empty = pa.RecordBatch.from_pydict({name: pa.array([], pa.float64()) for name in ("page1", "page2", *FIELDS)})
    assert [*pack_rows(iter([empty]))] == []


def test_a_row_is_packed_without_gaps() -> None:
    assert NEIGHBOUR.itemsize == sum(NEIGHBOUR[name].itemsize for name in NEIGHBOUR.names)


def test_rows_of_some_pages_equal_those_among_all_pages(log: Log) -> None:
    like = pa.table({"page": [A, B, C, D, A], "neighbour": [A, B, C, D, C], "weight": [1.0, 1.0, 1.0, 1.0, 0.5]})
    like = like.cast(pa.schema([("page", pa.uint64()), ("neighbour", pa.uint64()), ("weight", pa.float64())]))
    config = CoclickConfig()
    pq.write_table(like, log.directory / "like.parquet")
    neighbours = log.engine.read_parquet(str(log.directory / "like.parquet"))
    every = made_of(log.sources(neighbours, config), config).to_pyarrow().to_pylist()
    some, lenders = (ibis.memtable(pa.table({"page": pa.array(pages, pa.uint64())})) for pages in ([A], [A, C]))
    found = made_of(log.sources(neighbours, config, lenders), config, some).to_pyarrow().to_pylist()
    assert found == [row for row in every if row["page1"] == A]
    assert any(row["borrowed_next"] for row in found)
    assert {row["page1"] for row in every} == {A, B, C, D}


ALONE = pa.table(
    {"page": pa.array([A, D], pa.uint64()), "neighbour": pa.array([A, D], pa.uint64()), "weight": [1.0, 1.0]}
)


def _held_out(*pairs: tuple[int, int]) -> pa.Table:
    page1, page2 = (pa.array([pair[side] for pair in pairs], pa.uint64()) for side in (0, 1))
    return pa.table({"page1": page1, "page2": page2, "gain": pa.array([1.0] * len(pairs), pa.float64())})


def test_without_held_out_sessions_the_orders_weigh_alike(log: Log) -> None:
    config = CoclickConfig()
    assert fitted(log.sources(ibis.memtable(ALONE), config), _held_out(), config) == pytest.approx(EVEN)


def test_targets_that_no_order_foretells_leave_the_orders_alike(log: Log) -> None:
    config = CoclickConfig(mixture_prior=0.0)
    assert fitted(log.sources(ibis.memtable(ALONE), config), _held_out((D, B)), config) == pytest.approx(EVEN)
