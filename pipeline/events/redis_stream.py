"""Events of a Redis stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import redis

_AT_ONCE = 10_000  # entries per call


class RedisStream:
    """Reads a stream that `feedback.sink = "redis"` writes; a cursor is the ID of an entry. Raises RedisError."""

    name = "redis"
    most = 200_000

    def __init__(self, client: redis.Redis, stream: str) -> None:
        self._client: Any = client
        self._stream = stream

    def read(self, cursor: str) -> tuple[Sequence[bytes], str]:
        """Return the lines that follow the cursor, and the cursor behind them."""
        lines: list[bytes] = []
        while len(lines) < self.most:
            entries = self._client.xrange(self._stream, f"({cursor}" if cursor else "-", "+", _AT_ONCE)
            if not entries:
                break
            lines += [fields.get(b"event", b"") for _, fields in entries]
            cursor = entries[-1][0].decode()
        return lines, cursor
