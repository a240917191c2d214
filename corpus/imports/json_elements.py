"""Cuts JSON that is larger than memory into its elements: those of arrays, or objects one after another.

Brackets are counted, nothing is parsed: an element that is broken or too long costs only itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_REST = rb'[^"\\]*+(?:\\.[^"\\]*+)*+(?:(?P<end>")|\\?\Z)'  # of a string; without `end` it goes on in the next chunk
_TOKEN = re.compile(rb'"' + _REST + rb"|[\[\]{}]", re.DOTALL)
_CLOSING = {b"{": b"}", b"[": b"]"}
_DEEPEST = 1_000  # the parser goes no deeper
_BETWEEN = b" \t\r\n,"


class BrokenJson(Exception):
    """The brackets do not match, or the file ends within an element: what follows cannot be told apart."""


def elements(chunks: Iterable[bytes], in_array: bool, longest: int) -> Iterator[bytes | None]:
    """Yield each element as text, and scalars that stand side by side as one; None for one longer than `longest` bytes.

    Raises BrokenJson.
    """
    cutter = _Cutter(1 if in_array else 0, longest)
    for chunk in chunks:
        yield from cutter.cut(chunk)
    if cutter.expected or cutter.rest.strip(_BETWEEN):
        raise BrokenJson


class _Cutter:
    def __init__(self, outside: int, longest: int) -> None:
        """`outside`: the number of brackets around elements."""
        self._outside, self._longest = outside, longest
        self.expected: list[bytes] = []  # closing brackets, the innermost last
        self.rest = b""  # what is not yet cut
        self._at = 0  # how far it has been looked at
        self._skips = False

    def cut(self, chunk: bytes) -> Iterator[bytes | None]:
        data, begun = self.rest + chunk, 0
        for token in _TOKEN.finditer(data, self._at):
            if token[0][:1] == b'"':
                if token["end"] is None:
                    self._at = token.start()
                    break
                continue
            before = len(self.expected)
            self._count(token[0])
            if before <= self._outside:
                between = data[begun : token.start()].strip(_BETWEEN)
                if between or self._skips:
                    yield None if self._skips else between
                self._skips = False
                begun = token.start() if len(self.expected) > self._outside else token.end()
            elif len(self.expected) == self._outside:
                yield None if self._skips else data[begun : token.end()]
                begun, self._skips = token.end(), False
        else:
            self._at = len(data)
        self.rest, self._at = data[begun:], self._at - begun
        if self._skips or len(self.rest) > self._longest:
            self._skip()

    def _count(self, bracket: bytes) -> None:
        if closing := _CLOSING.get(bracket):
            if len(self.expected) == _DEEPEST:
                raise BrokenJson
            self.expected.append(closing)
        elif not self.expected or self.expected.pop() != bracket:
            raise BrokenJson

    def _skip(self) -> None:
        """Forget an element that is too long; of a string that is open, what tells where it ends."""
        self._skips = True
        string = self.rest[self._at :]
        odd = (len(string) - len(string.rstrip(b"\\"))) % 2
        self.rest, self._at = (b'"' + b"\\" * odd if string else b""), 0
