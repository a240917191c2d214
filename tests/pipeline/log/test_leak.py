"""Time flows one way: a planted leak is caught, and later rows change no feature."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.log import co_visits, counts
from corpus.log.engine import connect, write
from corpus.log.pair_counts import Counted, pair_evidence
from pipeline.config import BuildConfig
from pipeline.log import leak
from pipeline.log.events import label_events
from pipeline.log.split import PAST, split_of
from pipeline.rankers import stage1, stage2
from pipeline.runner.work import Work
from ranking.event import Event
from recall.coclick.build import Sources, neighbour_rows, pack_rows, rates, shared_rows
from recall.coclick.config import CoclickConfig
from recall.coclick.orders import ORDERS
from store.tables import LmdbTable

TABLES = ("clicks", "impressions")


def work_of(tiny, root: Path) -> Work:
    """Return a copy of the finished steps that a test may spoil; the step in hand is `again`."""
    for step in ("read", "counts"):
        shutil.copytree(tiny.work / step, root / step)
    for step in tiny.work.iterdir():
        if step.is_dir() and not (root / step.name).exists():
            (root / step.name).symlink_to(step)
    (root / "again").mkdir()
    return Work(BuildConfig.model_validate(tiny.bundle.manifest.config), root / "again", root)


def recount(work: Work, table: str, end: datetime) -> None:
    """Count a table up to `end` into the past snapshot, as a step with a wrong split would."""
    engine, out = connect(threads=1), work.of("counts") / PAST
    rows = engine.read_parquet(str(work.of("read") / f"{table}.parquet"))
    if table == "impressions":
        write(engine, counts.impression_pairs(rows, end), out / "impression_pairs.parquet")
    else:
        write(engine, counts.click_pairs(rows, end, counts.Reach()), out / "click_pairs.parquet")
        write(engine, counts.page_clicks(rows, end), out / "page_clicks.parquet")


@pytest.mark.parametrize("table", ["co_visits", "swing", "page_visits"])
def test_co_visits_inside_the_label_window_are_caught(tiny, tmp_path: Path, table: str) -> None:
    work = work_of(tiny, tmp_path)
    engine, end, reach = connect(threads=1), split_of(work)["end"], counts.Reach()
    pages = co_visits.session_pages(engine.read_parquet(str(work.of("read") / "clicks.parquet")), end)
    counted = {
        "co_visits": co_visits.co_visits(pages, end, reach),
        "swing": co_visits.swing(pages, reach),
        "page_visits": co_visits.page_visits(pages),
    }
    write(engine, counted[table], work.of("counts") / PAST / f"{table}.parquet")
    with pytest.raises(leak.LeakError, match=f"{table} of past counts rows until"):
        leak.check(work, label_events(work, None))


def test_a_build_without_leakage_passes(tiny, tmp_path: Path) -> None:
    work = work_of(tiny, tmp_path)
    events = label_events(work, None)
    assert len(events) > 50
    leak.check(work, events)


def test_past_counts_end_before_the_first_label_event(tiny, tmp_path: Path) -> None:
    work = work_of(tiny, tmp_path)
    first = min(event.time for event in label_events(work, None))
    assert leak.last_counted(work.of("counts") / PAST / "impression_pairs.parquet") < first


@pytest.mark.parametrize("table", TABLES)
def test_counts_inside_the_label_window_are_caught(tiny, tmp_path: Path, table: str) -> None:
    work = work_of(tiny, tmp_path)
    recount(work, table, split_of(work)["labels_from"] + timedelta(days=1))
    with pytest.raises(leak.LeakError, match="counts rows until"):
        leak.check(work, label_events(work, None))


@pytest.mark.parametrize("step", [stage1.stage1, stage2.stage2])
def test_no_ranker_is_trained_on_leaked_counts(tiny, tmp_path: Path, step) -> None:
    work = work_of(tiny, tmp_path)
    recount(work, "impressions", split_of(work)["end"])
    with pytest.raises(leak.LeakError, match="impression_pairs"):
        step(work)


def test_a_single_leaked_row_is_caught(tiny, tmp_path: Path) -> None:
    work = work_of(tiny, tmp_path)
    path = work.of("counts") / PAST / "click_pairs.parquet"
    table = pq.read_table(path)
    late = pa.scalar(split_of(work)["end"], table.schema.field("last").type)
    planted = pc.if_else(pa.array(np.arange(len(table)) == 7), late, table["last"])
    pq.write_table(table.set_column(table.schema.get_field_index("last"), "last", planted), path)
    with pytest.raises(leak.LeakError, match="click_pairs"):
        leak.check(work, label_events(work, None))


def test_judged_pairs_have_no_time_and_cannot_leak(tiny, tmp_path: Path) -> None:
    judged = Event(1, np.array([2], np.uint64), np.ones(1, np.float32), None)
    leak.check(work_of(tiny, tmp_path), [judged])


LATER = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 9), st.integers(0, 9), st.booleans(), st.integers(0, 10**6)),
    max_size=30,
)
END = datetime(2025, 3, 1, tzinfo=UTC)


def snapshot_bytes(directory: Path, later: list[tuple[int, int, int, bool, int]]) -> list[tuple[int, bytes]]:
    """Return the co-click table of a fixed past log to which `later` rows were added."""
    generator = np.random.default_rng(5)
    past = [(int(s), int(a), int(b), bool(c), -int(t)) for s, a, b, c, t in generator.integers(1, 9, (60, 5))]
    session, page1, page2, clicked, seconds = zip(*past, *later, strict=True)
    page1, page2 = (pa.array(np.array(page) + 1, pa.uint64()) for page in (page1, page2))
    time = pa.array([END + timedelta(seconds=s) for s in seconds], pa.timestamp("us", "UTC"))
    step = pa.array(np.argsort(np.argsort(seconds, kind="stable"), kind="stable"), pa.int32())
    clicks = pa.table({"session": pa.array(session, pa.uint64()), "page": page1, "time": time, "step": step})
    shown = pa.table({"page1": page1, "page2": page2, "time": time, "clicked": pa.array(clicked)})
    pages = pa.array(range(1, 11), pa.uint64())
    like = pa.table({"page": pages, "neighbour": pages, "weight": pa.array([1.0] * 10)})
    engine = connect(threads=1)
    for name, table in (("clicks", clicks), ("shown", shown), ("like", like)):
        pq.write_table(table, directory / f"{name}.parquet")
    clicks, shown, like = (engine.read_parquet(str(directory / f"{n}.parquet")) for n in ("clicks", "shown", "like"))
    pairs = counts.click_pairs(clicks, END, counts.Reach())
    visited, reach, config = co_visits.session_pages(clicks, END), counts.Reach(), CoclickConfig()
    together, swing = co_visits.co_visits(visited, END, reach), co_visits.swing(visited, reach)
    tables = Counted(pairs, counts.impression_pairs(shown, END), together, swing, co_visits.page_visits(visited))
    evidence = pair_evidence(tables)
    sources = Sources(evidence, rates(evidence, config), like, counts.page_flow(pairs))
    rows = neighbour_rows(shared_rows(sources, config), evidence, dict.fromkeys(ORDERS, 1.0), config)
    return [*pack_rows(iter(rows.to_pyarrow().to_batches()))]


@pytest.fixture(scope="module")
def past_alone(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, bytes]]:
    return snapshot_bytes(tmp_path_factory.mktemp("past"), [])


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(later=LATER)
def test_later_rows_do_not_change_the_past_snapshot(
    tmp_path: Path, past_alone: list[tuple[int, bytes]], later: list[tuple[int, int, int, bool, int]]
) -> None:
    assert snapshot_bytes(tmp_path, later) == past_alone


def test_features_read_only_the_past_tables(tiny, tmp_path: Path) -> None:
    """The snapshot of training differs from what serves: it was counted before the label window."""
    page = np.array([int(np.load(tiny.work / "pages" / PAST / "facts.npy")["page"][0])], np.uint64)
    shutil.copy(tiny.work / "pages" / PAST / "pages.lmdb", tmp_path / "past.lmdb")
    shutil.copy(tiny.work / "pages" / "all" / "pages.lmdb", tmp_path / "all.lmdb")
    past, served = (LmdbTable(tmp_path / f"{name}.lmdb").read(page)[0] for name in ("past", "all"))
    assert past != served
