"""Opens text files as bytes of UTF-8, whatever their compression and encoding."""

from __future__ import annotations

import bz2
import codecs
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from corpus.files.formats import Packing
from corpus.schema import InputError

CHUNK = 1 << 20
_BOMS = {  # the longer first: UTF-32 begins as UTF-16 does
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@contextmanager
def opened(path: Path, packing: Packing) -> Iterator[BinaryIO]:
    """Open a file for its bytes, unpacked. Raises InputError for one that is damaged."""
    try:
        with _open(path, packing) as file:
            yield file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} could not be read: {error}: write the file again") from error
    except OSError as error:  # what bz2 and Arrow say of damage has no number; a missing file has
        if error.errno is not None:
            raise
        raise InputError(f"{path} could not be read: {error}: write the file again") from error


def _open(path: Path, packing: Packing) -> BinaryIO:
    match packing:
        case Packing.GZIP:
            return gzip.open(path)  # type: ignore[return-value]
        case Packing.BZ2:
            return bz2.open(path)  # type: ignore[return-value]
        case Packing.ZSTD:
            return pa.input_stream(str(path), compression="zstd")  # type: ignore[no-any-return]
        case _:
            return path.open("rb")


def encoding_of(head: bytes) -> str:
    """Return the encoding that the first bytes of a text betray; `utf-8` where nothing speaks against it."""
    for mark, name in _BOMS.items():
        if head.startswith(mark):
            return name
    even, odd = head[:64:2], head[1:64:2]  # ASCII in two bytes a letter, without a mark
    if len(head) >= 8 and not any(odd) and all(even):
        return "utf-16-le"
    if len(head) >= 8 and not any(even) and all(odd):
        return "utf-16-be"
    return "utf-8"


def write_utf8(path: Path, packing: Packing, encoding: str, target: Path) -> None:
    """Write a text file anew, unpacked and in UTF-8. Raises InputError where it is not what it seemed."""
    decoder = codecs.getincrementaldecoder(encoding)()
    with opened(path, packing) as source, target.open("wb") as file:
        try:
            while chunk := source.read(CHUNK):
                file.write(chunk if encoding == "utf-8" else decoder.decode(chunk).encode())
            file.write(decoder.decode(b"", final=True).encode() if encoding != "utf-8" else b"")
        except UnicodeError as error:
            reason = f"it begins as {encoding.upper()} and goes on otherwise ({error.__class__.__name__})"
            raise InputError(f"{path} could not be read: {reason}: write it in UTF-8") from error


def lines(file: BinaryIO, newline: bytes, longest: int) -> Iterator[list[bytes]]:
    """Yield the lines of a file without their ends, many at a time.

    Of a longer line than `longest` bytes only `longest` + 1 come: memory is bounded, and its length tells.
    """
    rest = b""
    while chunk := file.read(CHUNK):
        *whole, rest = (rest + chunk).split(newline)
        rest = rest[: longest + 1]
        yield [line[: longest + 1] for line in whole]
    yield [rest] if rest else []
