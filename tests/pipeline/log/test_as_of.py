"""What an event's features have counted is the log up to its day, and nothing later."""

from __future__ import annotations

import shutil
from datetime import UTC, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from cascade.types import Candidates, Query
from pipeline.config import BuildConfig
from pipeline.log import leak
from pipeline.log.as_of import pages_as_of
from pipeline.log.events import label_events
from pipeline.log.label_days import label_days
from pipeline.rankers.snapshot import snapshot
from pipeline.rankers.training import by_day, collect_examples
from pipeline.runner.work import Work
from ranking.examples import GroupWriter
from ranking.features import STAGE1
from recall.coclick.row import read
from recall.coclick.step import as_of
from store.page_row import read_facts, read_text, read_tokens
from store.tables import LmdbTable


@pytest.fixture
def work(tiny, tmp_path: Path) -> Work:
    """Return the finished steps, with counts that a test may spoil; the step in hand is `again`."""
    for step in tiny.work.iterdir():
        if step.name == "counts":
            shutil.copytree(step, tmp_path / "counts")
        elif step.is_dir():
            (tmp_path / step.name).symlink_to(step)
    (tmp_path / "again").mkdir()
    return Work(BuildConfig.model_validate(tiny.bundle.manifest.config), tmp_path / "again", tmp_path)


def clicks_before(work: Work, time) -> dict[int, int]:
    table = pq.read_table(work.of("read") / "clicks.parquet", filters=pc.field("time") < pc.scalar(time))
    counted = table.group_by("page").aggregate([([], "count_all")])
    return dict(zip(counted["page"].to_pylist(), counted["count_all"].to_pylist(), strict=True))


def test_the_tiny_log_has_labels_on_every_day(work: Work) -> None:
    days = label_days(work)
    assert len(days) == 8
    assert {after.begin - before.begin for before, after in pairwise(days)} == {timedelta(days=1)}


async def test_facts_count_only_rows_before_the_day(work: Work) -> None:
    day = label_days(work)[5]
    past = LmdbTable(work.of("pages") / "past/pages.lmdb")
    table = pages_as_of(work, past, day)
    keys = pq.read_table(work.of("read") / "pages.parquet", columns=["page"])["page"].to_numpy()
    rows, before = await table.get_many(keys), past.read(keys)
    wanted = clicks_before(work, day.begin)
    assert read_facts(rows)["clicks_all"].tolist() == [wanted.get(key, 0) for key in keys.tolist()]
    assert read_facts(rows)["clicks_all"].sum() > read_facts(before)["clicks_all"].sum()
    for row, old in zip(rows[:20], before[:20], strict=True):
        assert read_text(row) == read_text(old)
        assert read_tokens(row, read_facts([row])[0]).tolist() == read_tokens(old, read_facts([old])[0]).tolist()
    assert await table.get_many(np.array([1], np.uint64)) == [None]
    past.close()


async def test_counts_of_a_window_are_of_days_before_the_event(work: Work) -> None:
    day = label_days(work)[6]
    past = LmdbTable(work.of("pages") / "past/pages.lmdb")
    keys = pq.read_table(work.of("read") / "pages.parquet", columns=["page"])["page"].to_numpy()
    facts = read_facts(await pages_as_of(work, past, day).get_many(keys))
    earlier, before = (clicks_before(work, day.begin - timedelta(days=days)) for days in (1, 0))
    for key, count in zip(keys.tolist(), facts["clicks_1"].tolist(), strict=True):
        assert count == before.get(key, 0) - earlier.get(key, 0)
    past.close()


async def test_pair_counts_of_a_day_equal_those_of_the_log_before_it(work: Work) -> None:
    day = label_days(work)[7]
    shown = pq.read_table(work.of("read") / "impressions.parquet", filters=pc.field("time") < pc.scalar(day.begin))
    counted = shown.group_by(["page1", "page2"]).aggregate([([], "count_all"), ("clicked", "sum")])
    page = counted["page1"][0].as_py()
    (row,) = await as_of(work, day, [page]).get_many(np.array([page], np.uint64))
    found = {int(n["page"]): (int(n["shown_all"]), int(n["chosen_all"])) for n in read(row) if n["shown_all"]}
    of_page = counted.filter(pc.equal(counted["page1"], pa.scalar(page, pa.uint64()))).to_pylist()
    assert found == {pair["page2"]: (pair["count_all"], pair["clicked_sum"]) for pair in of_page}


def test_every_event_is_recalled_as_of_its_own_day(work: Work) -> None:
    events = label_events(work, None)
    parts = by_day(work, events)
    assert sum(len(part) for _, part in parts) == len(events)
    for day, part in parts:
        for event in part:
            assert day.begin <= event.time.item().replace(tzinfo=UTC) < day.end


def test_counts_that_include_events_of_their_own_day_are_caught(work: Work) -> None:
    day, part = by_day(work, label_events(work, None))[3]
    leak.check(work, part, day.name)
    path = work.of("counts") / day.name / "page_clicks.parquet"
    table = pq.read_table(path)
    late = pa.array([day.end] * len(table), table.schema.field("last").type)
    pq.write_table(table.set_column(table.schema.get_field_index("last"), "last", late), path)
    with pytest.raises(leak.LeakError, match=f"page_clicks of {day.name}"):
        leak.check(work, part, day.name)
    with pytest.raises(leak.LeakError, match=day.name):
        collect(work, part)


def test_examples_of_a_later_day_have_higher_counts(work: Work) -> None:
    parts = by_day(work, label_events(work, None))
    left = [float(collect(work, part)[:, STAGE1.index("trigger_shown_on")].mean()) for _, part in (parts[0], parts[-1])]
    assert left[1] > left[0]


def collect(work: Work, events: list) -> np.ndarray:
    writer = GroupWriter(5, 0)

    async def all_of(query: Query, candidates: Candidates) -> Candidates:
        return candidates

    with snapshot(work) as past:
        collect_examples(work, past, events, STAGE1, all_of, lambda page: writer, "examples")
    return writer.groups().features
