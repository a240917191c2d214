"""Unpacks the files of a ZIP one by one, and refuses archives that would fill memory or the disk."""

from __future__ import annotations

import errno
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from corpus.schema import InputError

_MOST_ENTRIES = 4 << 20  # bytes of the list of files
_MOST_UNPACKED = 1 << 30  # bytes that any archive may have,
_MOST_TIMES = 200  # and a larger one this many times its own size
_SCANNED = (1 << 16) + 100  # bytes at a ZIP's end: a comment of up to 64 kB, and records of fixed size
_END, _END_64, _LOCATOR_64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_BAD = (  # what zipfile raises: damaged, encrypted, in an unknown compression, at an impossible place
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError,
)  # fmt: skip


def plain_name(name: str) -> str:
    """Return the last part of a file's name in a ZIP, which may be absolute, have `..`, or be one of Windows."""
    return PurePosixPath(name.replace("\\", "/")).name


def names_in(path: Path) -> list[str]:
    """Return the names in a ZIP. Raises InputError."""
    with _opened(path) as archive:
        return archive.namelist()


def unpacked(path: Path, wanted: Callable[[str], bool], working: Path) -> Iterator[Path]:
    """Yield the wanted files of a ZIP one after another, each unpacked into `working` until the next is asked for.

    Raises InputError for an archive that is too large; for files that cannot be unpacked at the end, after the others.
    """
    failed = []
    with _opened(path) as archive:
        entries = [entry for entry in archive.infolist() if wanted(entry.filename)]
        _check_size(path, entries)
        for entry in entries:
            target = working / plain_name(entry.filename)
            try:
                _unpack(archive, entry, target)
                yield target
            except _Unreadable as error:
                failed.append(f"{entry.filename}: {error}")
            finally:
                target.unlink(missing_ok=True)
    if failed:
        raise InputError(f"{path} could not be read: {'; '.join(failed)}: export the file again")


class _Unreadable(Exception):
    """A file of a ZIP cannot be unpacked."""


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # the others unpack without a bound
        raise _Unreadable("it is neither stored nor deflated (unpack it and give the files)")
    try:
        with archive.open(entry) as source, target.open("wb") as file:
            shutil.copyfileobj(source, file)
    except _BAD as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise _Unreadable(str(error)) from error


def _check_size(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    size = sum(entry.file_size for entry in entries)
    if size > max(_MOST_UNPACKED, _MOST_TIMES * path.stat().st_size):
        raise InputError(
            f"{path} would unpack to {size / 1e9:,.1f} GB, more than {_MOST_TIMES} times its size:"
            " if that is right, unpack it and give the files"
        )


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        if _bytes_of_entries(path) > _MOST_ENTRIES:
            raise InputError(f"{path} lists more than {_MOST_ENTRIES >> 20} MB of files: unpack it and give the files")
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(f"{path} could not be read: {error}: export the file again") from error


def _bytes_of_entries(path: Path) -> int:
    """Return the size of the list of files, which zipfile reads as a whole."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _SCANNED))
        tail = file.read()
    at = tail.rfind(_END)
    small = int.from_bytes(tail[at + 12 : at + 16], "little") if at >= 0 else 0
    if at >= 76 and tail[at - 20 :].startswith(_LOCATOR_64) and tail[at - 76 :].startswith(_END_64):
        return int.from_bytes(tail[at - 36 : at - 28], "little")
    return small
