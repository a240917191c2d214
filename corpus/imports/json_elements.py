"""Cuts JSON that is larger than memory into its elements: those of arrays, or objects one after another.

Brackets are counted, nothing is parsed: an element that is broken or too long costs only itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_TEXT = rb'(?:[^"\[\]{}]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+'  # whole strings, and what is neither string nor bracket
_FLAT = rb"\{" + _TEXT + rb"\}"
_BRACKET = rb"([\[\]{}])"
_LEVEL = rb"(?:" + _TEXT + _FLAT + rb")*+" + _TEXT  # objects in objects at one go
_WITHOUT_END = re.compile(_LEVEL, re.DOTALL)
_OUTSIDE = re.compile(_TEXT + _BRACKET, re.DOTALL)
_INSIDE = re.compile(_LEVEL + _BRACKET, re.DOTALL)
_CLOSING = {b"{": ord("}"), b"[": ord("]")}
_DEEPEST = 1 << 20  # brackets that are remembered; a parser takes a thousand, so such an element is left out
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
        self.expected = bytearray()  # closing brackets, the innermost last
        self.rest = b""  # what is not yet cut
        self._at = 0  # how far it has been looked at
        self._skips = False

    def cut(self, chunk: bytes) -> Iterator[bytes | None]:
        data, begun = self.rest + chunk, 0
        while token := (_INSIDE if len(self.expected) > self._outside else _OUTSIDE).match(data, self._at):
            at, self._at, before = token.start(1), token.end(), len(self.expected)
            self._count(token[1])
            if before <= self._outside:
                between = data[begun:at].strip(_BETWEEN)
                if between or self._skips:
                    yield None if self._skips else between
                self._skips = False
                begun = at if len(self.expected) > self._outside else self._at
            elif len(self.expected) == self._outside:
                yield None if self._skips else data[begun : self._at]
                begun, self._skips = self._at, False
        self.rest, self._at = data[begun:], self._at - begun
        if self._skips or len(self.rest) > self._longest:
            self._skip()

    def _count(self, bracket: bytes) -> None:
        if closing := _CLOSING.get(bracket):
            if len(self.expected) == _DEEPEST:
                raise BrokenJson
            self.expected.append(closing)
        elif not self.expected or self.expected.pop() != bracket[0]:
            raise BrokenJson

    def _skip(self) -> None:
        """Forget an element that is too long; of a string that is open, what tells where it ends."""
        self._skips = True
        last = _WITHOUT_END.match(self.rest, self._at)
        string = self.rest[last.end() if last else self._at :]
        odd = (len(string) - len(string.rstrip(b"\\"))) % 2
        self.rest, self._at = (b'"' + b"\\" * odd if string else b""), 0
