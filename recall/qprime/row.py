"""One row of the `qprime` table: the pages found by a page's queries, best first.

Layout, little-endian: pages (u8), queries (u8), day it was made (u16), then per page PageId (u64), quality (u8)
and query index (u8), each as one block, then the queries in UTF-8, one per line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_PAGES = 30
TOP_QUALITY = 4.0
_STEPS = 255  # quality is stored in steps of 4/255
HEAD = 4  # bytes
_LAST_DAY = 0xFFFF
_BYTES_A_PAGE = 8 + 1 + 1


@dataclass(frozen=True, slots=True)
class Row:
    """The pages found by the queries of one page, best first."""

    pages: NDArray[np.uint64]
    quality: NDArray[np.float32]  # 0 to 4
    query: NDArray[np.uint8]  # index into `queries` of the query that found the page
    queries: tuple[str, ...]
    day: int  # on which it was made, since 1970; 0 for a row that should be rebuilt at the next refresh


def pack(
    pages: NDArray[np.uint64],
    quality: NDArray[np.float32],
    query: NDArray[np.integer],
    queries: Sequence[str],
    day: int = 0,
) -> bytes:
    """Return a packed row of at most 30 pages; queries that found none of them are dropped.

    Raises ValueError for more than 30 pages or columns of unequal length.
    """
    if len(pages) > MAX_PAGES:
        raise ValueError(f"a row holds at most {MAX_PAGES} pages, not {len(pages)}")
    if not len(pages) == len(quality) == len(query):
        raise ValueError("pages, quality and query differ in length")
    used, index = np.unique(query, return_inverse=True)
    steps = np.rint(np.clip(quality, 0.0, TOP_QUALITY) * (_STEPS / TOP_QUALITY))
    return b"".join(
        (
            bytes((len(pages), len(used))),
            min(day, _LAST_DAY).to_bytes(2, "little"),
            pages.astype("<u8").tobytes(),
            steps.astype(np.uint8).tobytes(),
            index.astype(np.uint8).tobytes(),
            "\n".join(normalized(queries[i]) for i in used.tolist()).encode(),
        )
    )


def normalized(query: str) -> str:
    """Return a query as a row stores it: its words with single spaces."""
    return " ".join(query.split())


def read(row: bytes) -> Row:
    """Return the arguments of `pack`, with quality rounded to one of its 256 steps."""
    count = row[0]
    steps_at = HEAD + 8 * count
    query_at = steps_at + count
    text_at = HEAD + _BYTES_A_PAGE * count
    steps = np.frombuffer(row, np.uint8, count, steps_at)
    return Row(
        pages=np.frombuffer(row, "<u8", count, HEAD),
        quality=steps.astype(np.float32) * np.float32(TOP_QUALITY / _STEPS),
        query=np.frombuffer(row, np.uint8, count, query_at),
        queries=tuple(row[text_at:].decode().split("\n")) if row[1] else (),
        day=day_of(row),
    )


def day_of(row: bytes) -> int:
    """Return the day on which a row was made, without reading the rest."""
    return int.from_bytes(row[2:HEAD], "little")


def is_row(page: int, row: bytes) -> bool:
    """Whether the bytes are a valid packed row; the same for any page."""
    if len(row) < HEAD:
        return False
    count, queries = row[0], row[1]
    text_at = HEAD + _BYTES_A_PAGE * count
    if count > MAX_PAGES or queries > count or bool(count) != bool(queries) or len(row) < text_at:
        return False
    try:
        lines = row[text_at:].decode().split("\n") if queries else []
    except UnicodeDecodeError:
        return False
    found_by = row[text_at - count : text_at]
    return len(lines) == queries and max(found_by, default=-1) < queries and (queries > 0 or len(row) == HEAD)
