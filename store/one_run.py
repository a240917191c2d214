"""Keeps two runs from writing into one directory at once."""

from __future__ import annotations

import fcntl
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from store.bundle import BundleError

LOCK = ".lock"


@contextmanager
def alone_in(directory: Path, command: str) -> Iterator[None]:
    """Be the only run that writes into a directory, such as one of bundles; the lock ends when the process does.

    Raises BundleError at once where another run holds it, naming that run by its command, process and start.
    """
    if not directory.is_dir():
        raise BundleError(f"{directory} is not a directory: name the one that holds the bundles")
    file = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = os.pread(file, 500, 0).decode(errors="replace") or "another run"
            raise BundleError(f"{directory} is in use by {other}: wait until it ends, then run this again") from None
        started = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
        _write(file, f"`{command}` (process {os.getpid()} on {platform.node() or 'this machine'}, since {started})")
        try:
            yield
        finally:
            _write(file, "")  # or a run that has just begun would be called by this one's name
    finally:
        os.close(file)


def _write(file: int, text: str) -> None:
    os.ftruncate(file, 0)
    os.pwrite(file, text.encode(), 0)
