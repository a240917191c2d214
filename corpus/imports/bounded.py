"""Bounds the memory that one record of a file may take, where a parser builds it piece by piece."""

from __future__ import annotations

from typing import BinaryIO

from corpus.files.text_bytes import chunks

LONGEST = 4 << 20  # bytes of a record; as a tree it takes up to fifty times as much

_PIECE = 1 << 16  # bytes


class TooLong(Exception):
    """A record is longer than LONGEST."""


class Bounded:
    """The bytes of a file for a parser that takes them in pieces; `done` tells that a record has ended."""

    def __init__(self, source: BinaryIO) -> None:
        self._chunks, self._since = chunks(source), 0
        self._rest = memoryview(b"")

    def done(self) -> None:
        """Start counting anew."""
        self._since = 0

    def read(self, size: int = _PIECE) -> bytes:
        """Return at most `size` bytes, and b"" at the end. Raises TooLong, and what the file does if it breaks off."""
        if self._since > LONGEST:
            raise TooLong
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        piece, self._rest = bytes(self._rest[:size]), self._rest[size:]
        self._since += len(piece)
        return piece
