"""The files of the spool. A segment is written by one process, then sealed, and deleted once the sink has it.

`<UTC>-<random>.open` is being written by the process that holds its lock; `….jsonl` is sealed. Names sort by age.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from corpus.files.sync import sync

_NEW, _OPEN, _SEALED = ".new", ".open", ".jsonl"


class Segment:
    """A segment that this process writes. Methods block, and raise OSError."""

    def __init__(self, directory: Path) -> None:
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(6)}"  # replicas may share a sink
        new = directory / f"{name}{_NEW}"
        self._file = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o640)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._path = _renamed(new, _OPEN)  # after it is locked: an unlocked segment is a dead process's
        self.bytes = 0

    def write(self, lines: bytes) -> None:
        """Write lines and wait until the disk has them; after an OSError only `seal` may be called."""
        left = memoryview(lines)
        while left:
            left = left[os.write(self._file, left) :]
        os.fdatasync(self._file)
        self.bytes += len(lines)

    def seal(self) -> None:
        """Hand the segment over; what a failed write left is cut off."""
        try:
            os.ftruncate(self._file, self.bytes)
            _renamed(self._path, _SEALED)
        finally:
            os.close(self._file)


def sealed(directory: Path) -> list[Path]:
    """Return the sealed segments, oldest first."""
    return sorted(directory.glob(f"*{_SEALED}"))


def size(directory: Path) -> int:
    """Return the bytes of all segments."""
    total = 0
    for path in (*directory.glob(f"*{_OPEN}"), *directory.glob(f"*{_SEALED}")):
        with suppress(FileNotFoundError):  # sealed or sent meanwhile
            total += path.stat().st_size
    return total


def recover(directory: Path) -> None:
    """Seal the segments of processes that have died."""
    for path in directory.glob(f"*{_OPEN}"):
        with suppress(FileNotFoundError, BlockingIOError), locked(path, wait=False, create=False) as file:
            whole = path.read_bytes().rfind(b"\n") + 1  # an unfinished last line was never acknowledged
            os.ftruncate(file, whole)
            os.fdatasync(file)
            _renamed(path, _SEALED)


@contextmanager
def locked(path: Path, wait: bool = True, create: bool = True) -> Iterator[int]:
    """Lock a file against other processes, and yield its descriptor. Raises BlockingIOError where it would wait."""
    file = os.open(path, os.O_RDWR | (os.O_CREAT if create else 0), 0o640)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield file
    finally:
        os.close(file)


def _renamed(path: Path, suffix: str) -> Path:
    """Rename a file for good, also if the machine loses power."""
    renamed = path.rename(path.with_suffix(suffix))
    sync(path.parent)
    return renamed
