from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path

import pytest

from service.events import segments
from service.events.refusals import NotKept
from service.events.segments import Segment
from service.events.spool import Spool


async def test_lines_of_many_writers_are_on_disk_when_they_are_acknowledged(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1e6, 3600)
    lines = [f"line {number}\n".encode() for number in range(200)]

    async def write(line: bytes) -> None:
        await spool.append(line)
        assert line in b"".join(path.read_bytes() for path in tmp_path.iterdir())  # noqa: ASYNC240

    await asyncio.gather(*map(write, lines))
    await spool.close()
    (path,) = segments.sealed(tmp_path)
    assert sorted(path.read_bytes().splitlines(keepends=True)) == sorted(lines)


async def test_an_old_segment_is_sealed_unless_others_wait_already(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1e6, 0.0)
    await spool.append(b"a\n")
    await spool.rotate()
    await spool.append(b"b\n")
    await spool.rotate()
    assert len(segments.sealed(tmp_path)) == 1
    assert spool.size == 4
    await spool.close()
    assert len(segments.sealed(tmp_path)) == 2


async def test_the_spool_counts_what_other_processes_wrote(tmp_path: Path) -> None:
    (tmp_path / "other.jsonl").write_bytes(b"x" * 90)
    spool = Spool(tmp_path, 100, 3600)
    await spool.rotate()
    with pytest.raises(NotKept, match="full"):
        spool.append(b"y" * 11)
    await spool.close()


def test_a_dead_process_leaves_a_segment_without_its_torn_line(tmp_path: Path) -> None:
    segment = Segment(tmp_path)
    segment.write(b"whole\n")
    os.write(segment._file, b"torn")
    segments.recover(tmp_path)
    assert segments.sealed(tmp_path) == []  # it is alive
    os.close(segment._file)  # as if it were killed
    segments.recover(tmp_path)
    (path,) = segments.sealed(tmp_path)
    assert path.read_bytes() == b"whole\n"


def test_a_segment_is_locked_before_another_process_can_see_it(tmp_path: Path) -> None:
    segment = Segment(tmp_path)
    (path,) = tmp_path.glob("*.open")
    with path.open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    segment.seal()
