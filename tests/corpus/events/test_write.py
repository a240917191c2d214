"""Writers of events beside each other, as in two containers that share a volume and no process numbers."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis_servers import until
from segments_of_events import row, segment

from corpus.events.read import read_events
from corpus.events.write import read_lines, write

# A writer that stops before its file has its name, says so, and goes on when it is told to.
_SLOW = """
import sys
from pathlib import Path
import corpus.events.write as writing

write_table = writing.pq.write_table
def stopping(*given, **named):
    write_table(*given, **named)
    print("writing", flush=True)
    sys.stdin.readline()
writing.pq.write_table = stopping
writing.write_segments(Path(sys.argv[1]), [Path(sys.argv[2])])
"""
_CONTAINER = ("unshare", "--pid", "--fork", "--kill-child")  # process numbers of its own, from 1


def _is_allowed() -> bool:
    return shutil.which("unshare") is not None and subprocess.run([*_CONTAINER, "true"], check=False).returncode == 0


@pytest.fixture(params=["beside", "in a container"])
def writer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has begun to write events.parquet."""
    if request.param == "in a container" and not _is_allowed():
        pytest.skip("no process namespaces here")
    before = _CONTAINER if request.param == "in a container" else ()
    command = [
        *before,
        sys.executable,
        "-c",
        _SLOW,
        str(tmp_path / "events.parquet"),
        str(segment(tmp_path, "a", range(3))),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "writing\n"
        yield process
        process.kill()


def hidden(directory: Path) -> list[str]:
    return [entry.name for entry in directory.iterdir() if entry.name.startswith(".")]


def test_what_a_living_writer_has_is_left_to_it(tmp_path: Path, writer: subprocess.Popen[str]) -> None:
    write(tmp_path / "events.parquet", read_lines(segment(tmp_path, "b", range(9)).read_bytes()))
    assert len(hidden(tmp_path)) == 1
    writer.communicate("go on\n")
    assert writer.returncode == 0
    assert read_events(tmp_path / "events.parquet").num_rows == 3  # the last one that was finished
    assert hidden(tmp_path) == []


def test_what_a_killed_writer_left_is_removed(tmp_path: Path, writer: subprocess.Popen[str]) -> None:
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert len(hidden(tmp_path)) == 1

    def is_removed() -> bool:
        write(tmp_path / "events.parquet", read_lines(segment(tmp_path, "b", range(9)).read_bytes()))
        return not hidden(tmp_path)

    until("the last process of the container is gone, and its file", is_removed)


def test_a_leftover_with_the_number_of_a_living_process_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".events.parquet.1").write_bytes(b"half")  # as writers of earlier versions name it
    write(tmp_path / "events.parquet", read_lines(segment(tmp_path, "a", range(3)).read_bytes()))
    assert hidden(tmp_path) == []


def test_files_of_others_stay(tmp_path: Path) -> None:
    others = {".events.parquet.swp~", ".events.cursor", ".other.parquet.12"}
    for name in others:
        (tmp_path / name).write_bytes(b"")
    write(tmp_path / "events.parquet", read_lines(segment(tmp_path, "a", range(1)).read_bytes()))
    assert {*hidden(tmp_path)} == others
    assert row(0)["event_id"] == read_events(tmp_path / "events.parquet")["event_id"][0].as_py()


def test_a_file_of_events_may_be_read_by_whom_the_umask_lets(tmp_path: Path) -> None:
    """A build may run as another user than the gateway."""
    old = os.umask(0o022)
    try:
        write(tmp_path / "events.parquet", read_lines(segment(tmp_path, "b", range(9)).read_bytes()))
    finally:
        os.umask(old)
    assert (tmp_path / "events.parquet").stat().st_mode & 0o777 == 0o644
