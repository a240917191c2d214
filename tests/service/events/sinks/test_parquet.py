from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from segments_of_events import lines, row, segment

from corpus.events.read import read_events
from corpus.events.schema import SCHEMA
from service.events.sink import SinkDown
from service.events.sinks.parquet import ParquetSink


async def test_segments_become_one_file_with_the_columns_of_the_events_table(tmp_path: Path) -> None:
    out = tmp_path / "events"
    await ParquetSink(out).take([segment(tmp_path, "a", range(3)), segment(tmp_path, "b", range(3, 5))])
    (path,) = out.iterdir()
    table = pq.read_table(path)
    assert table.schema.equals(SCHEMA)
    assert table["event_id"].to_pylist() == [f"event-0000{number}" for number in range(5)]
    assert table["urls"][0].as_py() == ["https://a.example/2", None]


async def test_segments_that_are_sent_again_replace_their_file(tmp_path: Path) -> None:
    first, out = segment(tmp_path, "a", range(3)), tmp_path / "events"
    await ParquetSink(out).take([first])
    await ParquetSink(out).take([first, segment(tmp_path, "b", range(3, 5))])
    assert len(list(out.iterdir())) == 1
    assert read_events(out).num_rows == 5


async def test_a_spoilt_line_costs_only_itself(tmp_path: Path) -> None:
    path, out = tmp_path / "a.jsonl", tmp_path / "events"
    path.write_bytes(lines(row(1)) + b"\x00\x00{\n" + lines(row(2)))
    await ParquetSink(out).take([path])
    assert read_events(out)["event_id"].to_pylist() == ["event-00001", "event-00002"]


async def test_a_directory_that_cannot_be_written_is_a_sink_that_is_down(tmp_path: Path) -> None:
    (tmp_path / "events").write_text("a file")
    with pytest.raises(SinkDown, match="events"):
        await ParquetSink(tmp_path / "events").take([segment(tmp_path, "a", range(3))])
