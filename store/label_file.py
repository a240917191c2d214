"""Appends quality labels to a file that a build reads as its table `labels`."""

from __future__ import annotations

import fcntl
import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import orjson

_MOST_BYTES = 100_000_000  # about 500,000 labels


class LabelFileError(OSError):
    """A label that could not be stored; the message says why and what to do."""


class Label(NamedTuple):
    """How good it is to go from one page to another, from 0 (bad) to 4 (excellent). URLs are canonical."""

    url1: str
    url2: str
    quality: int


class LabelFile:
    """One file per machine in a directory, shared by the processes of the machine. Calls block.

    A label is one line, stored whole or not at all, and on the disk when `add` returns.
    """

    def __init__(self, directory: Path, source: str, most_bytes: int = _MOST_BYTES) -> None:
        """Make the directory. Raises LabelFileError when it cannot be written."""
        machine = re.sub(r"[^A-Za-z0-9-]+", "-", platform.node()) or "here"
        self._path = directory / f"{source}-{machine}.jsonl"
        self._source, self._most_bytes = source, most_bytes
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LabelFileError(f"{directory} cannot be made ({error.strerror}): name another directory") from None
        if not os.access(directory, os.W_OK | os.X_OK):
            raise LabelFileError(f"{directory} cannot be written: name another directory, or change its permissions")

    def add(self, label: Label) -> None:
        """Append a label with the time. Raises LabelFileError; then nothing was stored."""
        stored = {**label._asdict(), "source": self._source, "time": datetime.now(UTC).isoformat(timespec="seconds")}
        try:
            with self._path.open("ab", buffering=0) as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                _append(file.fileno(), orjson.dumps(stored, option=orjson.OPT_APPEND_NEWLINE), self._most_bytes)
        except OSError as error:
            problem = error.strerror or str(error)
            raise LabelFileError(f"{self._path} cannot be written ({problem}): make room, and rate again") from None


def _append(file: int, line: bytes, most_bytes: int) -> None:
    """Write a whole line at the end, or leave the file as it was. Raises OSError."""
    size = os.fstat(file).st_size
    if size + len(line) > most_bytes:
        raise OSError(f"it has its largest size of {most_bytes:,} bytes")
    if os.write(file, line) < len(line):  # the disk is full: half a line would spoil the next one
        os.ftruncate(file, size)
        raise OSError("the disk is full")
    os.fsync(file)
