"""One row of the `answers` table: a page's ranked list, as the cascade returned it when the row was made.

Fixed columns come first, so that they are read without copies; then, for each candidate, the recall paths that found it
as bits, and a rank for each bit; at the end, what a language model says of each, where one was asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from struct import Struct
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

#: The most candidates of a row: as many as a caller may request.
MOST = 30

#: Rank of a candidate that a path did not find; a list with a larger rank is not stored.
NOT_FOUND = 65_535

#: Why candidates are not in a row. The order is the format: append new reasons at the end.
REASONS = (
    "unknown page", "same_page", "excluded", "blocklist", "spam", "adult", "expired", "language", "duplicate", "copy",
    "below", "other",
)  # fmt: skip

_HEAD = Struct("<IIBBBff")  # checksum, inputs, candidates, flags, reasons, the lowest score and the width of all
_CHECKED = 4  # bytes of the checksum
_FLAGS = 9  # the place of the flags
_CUT, _WIDE, _LLM = 1, 2, 4  # flags
_DROP = np.dtype([("reason", "u1"), ("count", "<u2")])
_QUALITY = 16_000.0  # steps per class, 0 to 4: an error of 0.00003
_STEPS = 65_535  # of stage 2's score, from a list's lowest to its highest


class NotStorable(ValueError):
    """A list that a row cannot hold: it is computed when it is asked for."""


@dataclass(frozen=True, slots=True)
class StoredList:
    """A ranked list, best first. All columns are as long as `pages`."""

    pages: NDArray[np.uint64]
    stage2: NDArray[np.float32]  # within a hundred-thousandth of the list's range
    quality: NDArray[np.float32]  # 0 to 4, within 0.00004
    click: NDArray[np.float32]  # in half precision: it is shown, and orders nothing
    ranks: NDArray[np.uint16]  # (paths, candidates): 0 is a path's best, NOT_FOUND where it did not find the page
    cut: bool  # whether stages left out rows that could appear further down
    dropped: Mapping[str, int]  # reason -> candidates
    inputs: int  # 32-bit hash of what the list was made from
    llm: NDArray[np.float32] | None = None  # added to z(stage 2), in half precision; None: no model was asked


def pack(page: int, found: StoredList) -> bytes:
    """Return the row of a page. Raises NotStorable where scores or the number of candidates do not fit."""
    count = len(found.pages)
    if not 1 <= count <= MOST:
        raise NotStorable(f"{count} candidates")
    with np.errstate(over="ignore"):
        click = found.click.astype("<f2")
    if not all(np.isfinite(column).all() for column in (found.stage2, found.quality, click)):
        raise NotStorable("scores that are not finite")
    if found.quality.min() < 0 or found.quality.max() > 4:
        raise NotStorable("qualities outside 0 to 4")
    held = found.ranks != NOT_FOUND
    ranks = found.ranks.T[held.T]
    wide = bool(ranks.max(initial=0) > 255)
    lowest = found.stage2.min()
    width = float(found.stage2.max() - lowest) or 1.0
    drops = [(REASONS.index(reason), min(number, 65_535)) for reason, number in _known(found.dropped).items()]
    parts = (
        found.pages.astype("<u8"),
        np.rint((found.stage2 - lowest) * (_STEPS / width)).astype("<u2"),
        np.rint(found.quality * _QUALITY).astype("<u2"),
        click,
        np.packbits(held.T, axis=1, bitorder="little"),
        ranks.astype("<u2" if wide else "u1"),
        np.array(drops, _DROP),
    )
    flags = _CUT * found.cut | _WIDE * wide
    head = _HEAD.pack(0, found.inputs, count, flags, len(drops), lowest, width)[_CHECKED:]
    body = head + b"".join(part.tobytes() for part in parts)
    return with_llm(page, _checksum(page, body) + body, found.llm)


def with_llm(page: int, row: bytes, column: NDArray[np.floating] | None) -> bytes:
    """Return a valid row with another `llm` column, one value per candidate; None: without. All else stays as it is.

    Raises NotStorable for values that half precision cannot hold.
    """
    _, _, count, flags, *_ = _HEAD.unpack_from(row)
    body = bytearray(row[: -2 * count] if flags & _LLM else row)
    body[_FLAGS] = flags & ~_LLM
    if column is not None:
        with np.errstate(over="ignore"):
            values = np.asarray(column).astype("<f2")
        if values.shape != (count,) or not np.isfinite(values).all():
            raise NotStorable(f"a column llm that is not {count} finite numbers")
        body[_FLAGS] |= _LLM
        body += values.tobytes()
    return _checksum(page, bytes(body[_CHECKED:])) + bytes(body[_CHECKED:])


def read(row: bytes, paths: int) -> StoredList:
    """Return the list of a valid row; `paths` is how many recall paths the table's head names."""
    _, inputs, count, flags, drops, lowest, width = _HEAD.unpack_from(row)
    at = _HEAD.size

    def column(dtype: str, *shape: int) -> NDArray[Any]:
        nonlocal at
        found = np.frombuffer(row, dtype, prod(shape), at)
        at += found.nbytes
        return found.reshape(shape)

    pages, stage2 = column("<u8", count), column("<u2", count)
    quality, click = column("<u2", count), column("<f2", count)
    bits = column("u1", count, -(-paths // 8))
    held = np.unpackbits(bits, axis=1, count=paths, bitorder="little").astype(np.bool_)
    ranks = np.full((count, paths), NOT_FOUND, np.uint16)
    ranks[held] = column("<u2" if flags & _WIDE else "u1", int(np.count_nonzero(held)))
    dropped = {REASONS[reason]: number for reason, number in np.frombuffer(row, _DROP, drops, at).tolist()}
    at += drops * _DROP.itemsize
    llm = column("<f2", count).astype(np.float32) if flags & _LLM else None
    return StoredList(
        pages,
        (lowest + stage2 * (width / _STEPS)).astype(np.float32),
        (quality / np.float32(_QUALITY)).astype(np.float32),
        click.astype(np.float32),
        ranks.T,
        bool(flags & _CUT),
        dropped,
        inputs,
        llm,
    )


def is_row(page: int, row: bytes) -> bool:
    """Whether these are the bytes that `pack` returned for the page: nothing is missing, changed, or another page's."""
    return len(row) > _HEAD.size and row[:_CHECKED] == _checksum(page, row[_CHECKED:])


def inputs_of(row: bytes) -> int:
    """Return the hash of what a row was made from; reads only its first bytes."""
    return int(_HEAD.unpack_from(row)[1])


def _known(dropped: Mapping[str, int]) -> dict[str, int]:
    """Return the counts by the reasons that rows have names for."""
    counts: dict[str, int] = {}
    for reason, number in dropped.items():
        name = reason if reason in REASONS else "other"
        counts[name] = counts.get(name, 0) + number
    return {reason: number for reason, number in counts.items() if number}


def _checksum(page: int, body: bytes) -> bytes:
    return xxhash.xxh32(body, seed=page & 0xFFFFFFFF).digest()
