"""Keeps two runs from writing into one directory at once."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from store.bundle import BundleError

log = logging.getLogger(__name__)

LOCK = ".lock"
_NOT_OURS = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def alone_in(directory: Path, command: str, make: bool = False) -> Iterator[None]:
    """Be the only run that writes into a directory, such as one of bundles; the lock ends when the process does.

    With `make`, a missing directory is made; OSError says why it cannot be.
    Raises BundleError at once where another run holds it, naming that run by its command, process and start. Where
    nothing can be locked, the run goes on: a file system without locks is warned of, a directory to read from is not.
    """
    if make:
        with suppress(FileExistsError):  # a file of that name
            directory.mkdir(parents=True, exist_ok=True)
    if not directory.is_dir():
        raise BundleError(f"{directory} is not a directory: give the path of one")
    if (file := _opened(directory / LOCK)) is None:
        yield
        return
    try:
        _lock(file, directory)
        started = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
        _write(file, f"`{command}` (process {os.getpid()} on {platform.node() or 'this machine'}, since {started})")
        try:
            yield
        finally:
            _write(file, "")  # or a run that has just begun would be called by this one's name
    finally:
        os.close(file)


def _opened(path: Path) -> int | None:
    """Return the open file, for reading alone where another user has made it; None where none can be made."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        if error.errno not in _NOT_OURS:
            raise
    with suppress(OSError):
        return os.open(path, os.O_RDONLY)
    return None


def _lock(file: int, directory: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        other = os.pread(file, 500, 0).decode(errors="replace") or "another run"
        raise BundleError(f"{directory} is in use by {other}: wait until it ends, then run this again") from None
    except OSError as error:
        log.warning("%s cannot be locked (%s): start no second run in it", directory, error.strerror)


def _write(file: int, text: str) -> None:
    """Say who holds the lock, where the file may be written."""
    if fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR:
        os.ftruncate(file, 0)
        os.pwrite(file, text.encode(), 0)
