"""Tells a full disk from other failures: every library says it in words of its own."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_WORDS = ("No space left", "Disk quota exceeded", "File too large", "disk full", "disk is full")
_LITTLE = 64 * 1024  # bytes: NumPy and LightGBM name no reason, but leave the disk full behind them


class DiskFullError(RuntimeError):
    """There is no room for what had to be written; the message names the disk and the fix."""


@contextmanager
def room_on(directory: Path) -> Iterator[None]:
    """Turn whatever a library raises when the disk of `directory` is full into one DiskFullError."""
    try:
        yield
    except Exception as error:
        free = shutil.disk_usage(directory).free
        if not _says_full(error) and free >= _LITTLE:
            raise
        said = f"{error}".strip().partition("\n")[0]
        raise DiskFullError(
            f"no room left on the disk of {directory} ({free / 1024:,.0f} KB free; {said}): free some, or give a"
            " directory on a larger disk, and run the same command again; what was finished is kept"
        ) from error


def _says_full(error: BaseException | None) -> bool:
    """Whether the error, or one that it came from, speaks of a full disk."""
    while error is not None:
        if getattr(error, "errno", None) in _FULL or any(word in str(error) for word in _WORDS):
            return True
        error = error.__cause__ or error.__context__
    return False
