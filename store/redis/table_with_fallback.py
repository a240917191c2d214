"""A table in Redis with the bundle's own file as fallback for rows that Redis does not return."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from store.redis.rows import NOT_ANSWERED, RedisRows, Row
from store.tables import IsRow, LmdbTable, key_prefix, packed


class FallbackReason(StrEnum):
    """Why a row was read from the bundle's own file instead of Redis."""

    NOT_ANSWERED = "not_answered"  # no server answered in time
    NOT_HELD = "not_held"  # in the bundle but not in Redis: never pushed, or lost
    MALFORMED = "malformed"  # Redis returned something that is not a row of this table


class RedisTable:
    """The rows at `onward:<bundle>:<table>:<id>`; one read per call; Redis errors are never raised.

    `is_row` detects damaged rows; without it, a row must equal the bundle's own. `on_fallback` is called once per call
    and reason when rows are read from the bundle's own file.
    """

    def __init__(
        self,
        rows: RedisRows,
        bundle: str,
        own: LmdbTable,
        on_fallback: Callable[[FallbackReason], None],
        is_row: IsRow | None = None,
    ) -> None:
        self.name = own.name
        self._rows, self._own, self._on_fallback = rows, own, on_fallback
        self._is_row = is_row or self._is_own
        self._prefix = key_prefix(bundle, own.name)

    async def get_many(self, keys: NDArray[np.uint64]) -> list[bytes | None]:
        """Return the row of each key, in order; None if there is none."""
        if len(keys) == 0:
            return []
        rows = await self._rows.read([self._prefix + key for key in packed(keys)])
        complete: list[bytes | None] = [None] * len(rows)
        reasons: dict[int, FallbackReason] = {}
        for place, (key, row) in enumerate(zip(keys.tolist(), rows, strict=True)):
            if isinstance(row, bytes) and self._is_row(key, row):
                complete[place] = row
            else:
                reasons[place] = _reason(row)
        if reasons:
            self._fill(complete, reasons, keys)
        return complete

    def __contains__(self, key: int) -> bool:
        """Return whether the bundle's own file has a row of this key."""
        return key in self._own

    def read(self, keys: NDArray[np.uint64]) -> list[bytes | None]:
        """Return the bundle's own row of each key, in order; None if there is none."""
        return self._own.read(keys)

    def close(self) -> None:
        """Release the bundle's file; the connections are shared and stay open."""
        self._own.close()

    def _fill(self, rows: list[bytes | None], reasons: dict[int, FallbackReason], keys: NDArray[np.uint64]) -> None:
        places = list(reasons)
        for place, row in zip(places, self._own.read(keys[places]), strict=True):
            rows[place] = row
            if row is None and reasons[place] is FallbackReason.NOT_HELD:  # not in the bundle either
                del reasons[place]
        for reason in sorted(set(reasons.values())):
            self._on_fallback(reason)

    def _is_own(self, key: int, row: bytes) -> bool:
        return self._own.read(np.array([key], np.uint64)) == [row]


def reject_truncated(is_row: IsRow, own: LmdbTable) -> IsRow:
    """Return a stricter `is_row` that also rejects truncated rows: prefixes or extensions of the bundle's own row."""

    def is_intact(key: int, row: bytes) -> bool:
        (whole,) = own.read(np.array([key], np.uint64))
        return is_row(key, row) and (
            whole is None or row == whole or not (whole.startswith(row) or row.startswith(whole))
        )

    return is_intact


def _reason(row: Row) -> FallbackReason:
    if row is None:
        return FallbackReason.NOT_HELD
    return FallbackReason.NOT_ANSWERED if row is NOT_ANSWERED else FallbackReason.MALFORMED
