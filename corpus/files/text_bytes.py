"""Opens text files of any compression and encoding as UTF-8 bytes."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa

from corpus.files.formats import Packing
from corpus.schema import InputError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CHUNK = 1 << 20
_SMALL = 1 << 12  # bytes read at once where a failed read would lose what it had got so far
_BOMS = {  # longer ones first: the UTF-32 mark starts with the UTF-16 one
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@contextmanager
def opened(path: Path, packing: Packing, encoding: str = "utf-8") -> Iterator[BinaryIO]:
    """Open a file, decompress it, and make UTF-8 of its text. Raises InputError if it is corrupt."""
    try:
        with _open(path, packing) as file:
            yield file if encoding == "utf-8" else io.BufferedReader(_Utf8(file, encoding), CHUNK)
    except UnicodeError as error:
        reason = f"it starts as {encoding.upper()} but is not valid {encoding.upper()} ({error.__class__.__name__})"
        raise InputError(f"{path} could not be read: {reason}: convert it to UTF-8") from error
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
    with opened(path, packing, encoding) as source, target.open("wb") as file:
        shutil.copyfileobj(source, file, CHUNK)


class _Utf8(io.RawIOBase):
    """The text of a file in another encoding, as UTF-8."""

    def __init__(self, source: BinaryIO, encoding: str) -> None:
        self._source, self._decoder = chunks(source), codecs.getincrementaldecoder(encoding)()
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, target: WriteableBuffer) -> int:
        while not self._rest:
            if (chunk := next(self._source, None)) is None:
                self._rest = memoryview(self._decoder.decode(b"", final=True).encode())
                self._decoder.reset()
                break
            self._rest = memoryview(self._decoder.decode(chunk).encode())
        into = memoryview(target).cast("B")
        count = min(len(into), len(self._rest))
        into[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def chunks(file: BinaryIO) -> Iterator[bytes]:
    """Yield the bytes of a file; where it breaks off, what came before the break comes before the error."""
    read = getattr(file, "read1", file.read)  # `read` gathers what `read1` returns, and loses it if the file breaks
    at_once = _SMALL if isinstance(file, pa.NativeFile) else CHUNK
    while True:
        found, failed = bytearray(), None
        try:
            while len(found) < CHUNK and (part := read(at_once)):
                found += part
        except Exception as error:
            failed = error
        if found:
            yield bytes(found)
        if failed is not None:
            raise failed
        if len(found) < CHUNK:
            return


def lines(file: BinaryIO, newline: bytes, longest: int) -> Iterator[list[bytes]]:
    """Yield the lines of a file without their ends, in batches.

    A line longer than `longest` bytes is cut to `longest` + 1, which bounds memory and lets the caller detect it.
    """
    rest = b""
    for chunk in chunks(file):
        *whole, rest = (rest + chunk).split(newline)
        rest = rest[: longest + 1]
        yield [line[: longest + 1] for line in whole]
    yield [rest] if rest else []
