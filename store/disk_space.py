"""Detects a full disk behind an error: every library reports it differently."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_MESSAGES = ("No space left", "Disk quota exceeded", "File too large", "disk full", "disk is full")
_LITTLE = 64 * 1024  # bytes free: NumPy and LightGBM give no reason, but the disk is full afterwards


class DiskFullError(RuntimeError):
    """The disk is full; the message names the disk and the fix."""


@contextmanager
def report_full_disk(directory: Path) -> Iterator[None]:
    """Turn any error that a library raises because the disk of `directory` is full into a DiskFullError."""
    try:
        yield
    except Exception as error:
        free = shutil.disk_usage(directory).free
        if not _says_full(error) and free >= _LITTLE:
            raise
        cause = f"{error}".strip().partition("\n")[0]
        raise DiskFullError(
            f"no space left on the disk of {directory} ({free / 1024:,.0f} KB free; {cause}): free some space or use a"
            " directory on a larger disk, then run the same command again; finished steps are kept"
        ) from error


def _says_full(error: BaseException | None) -> bool:
    """Return whether the error or one of its causes reports a full disk."""
    while error is not None:
        if getattr(error, "errno", None) in _FULL or any(message in str(error) for message in _MESSAGES):
            return True
        error = error.__cause__ or error.__context__
    return False
