"""Opens text files of any compression and encoding as UTF-8 bytes."""

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
_BOMS = {  # longer ones first: the UTF-32 mark starts with the UTF-16 one
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@contextmanager
def opened(path: Path, packing: Packing) -> Iterator[BinaryIO]:
    """Open a file and decompress it. Raises InputError if it is corrupt."""
    try:
        with _open(path, packing) as file:
            yield file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} could not be read: {error}: export the file again") from error
    except OSError as error:  # bz2 and Arrow report corruption without an errno
        if error.errno is not None:
            raise
        raise InputError(f"{path} could not be read: {error}: export the file again") from error


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
    """Return the encoding detected from the first bytes of a text, by default `utf-8`."""
    for mark, name in _BOMS.items():
        if head.startswith(mark):
            return name
    even, odd = head[:64:2], head[1:64:2]  # ASCII in UTF-16 without a byte order mark
    if len(head) >= 8 and not any(odd) and all(even):
        return "utf-16-le"
    if len(head) >= 8 and not any(even) and all(odd):
        return "utf-16-be"
    return "utf-8"


def write_utf8(path: Path, packing: Packing, encoding: str, target: Path) -> None:
    """Convert a text file to uncompressed UTF-8. Raises InputError if it cannot be decoded."""
    decoder = codecs.getincrementaldecoder(encoding)()
    with opened(path, packing) as source, target.open("wb") as file:
        try:
            while chunk := source.read(CHUNK):
                file.write(chunk if encoding == "utf-8" else decoder.decode(chunk).encode())
            file.write(decoder.decode(b"", final=True).encode() if encoding != "utf-8" else b"")
        except UnicodeError as error:
            reason = f"it starts as {encoding.upper()} but is not valid {encoding.upper()} ({error.__class__.__name__})"
            raise InputError(f"{path} could not be read: {reason}: convert it to UTF-8") from error


def lines(file: BinaryIO, newline: bytes, longest: int) -> Iterator[list[bytes]]:
    """Yield the lines of a file without their ends, in batches.

    A line longer than `longest` bytes is cut to `longest` + 1, which bounds memory and lets the caller detect it.
    """
    rest = b""
    while chunk := file.read(CHUNK):
        *whole, rest = (rest + chunk).split(newline)
        rest = rest[: longest + 1]
        yield [line[: longest + 1] for line in whole]
    yield [rest] if rest else []
