"""A table in Redis with its bundle's own rows as fallback, and what happened to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from store.redis.client import connected
from store.redis.guarded_call import Outcome
from store.redis.rows import RedisRows
from store.redis.table_with_fallback import FallbackReason, RedisTable
from store.redis.url import parse
from store.tables import LmdbTable, key_prefix

TAGGED = int.from_bytes(b"{{a}}b{}", "big")  # looks like a hash tag of a cluster
ROWS = {7: b"seven", 2**64 - 1: b"\x00\xff\n", 1: b"", 256: b"x" * 5000, TAGGED: b"tag"} | {
    key: str(key).encode() for key in range(1000, 1300)
}
BUNDLE = "20250101T000000Z-0123abcd"
CERTIFICATE = Path(__file__).parents[2] / "fakes" / "localhost.pem"  # for localhost, with its key


def keys(*values: int) -> np.ndarray:
    return np.array(values, np.uint64)


def push(url: str, rows: dict[int, bytes] = ROWS) -> None:
    with connected(parse(url)) as client:
        pipeline = client.pipeline(transaction=False)
        for key, row in rows.items():
            pipeline.set(key_prefix(BUNDLE, "things") + key.to_bytes(8, "big"), row)
        pipeline.execute()


@dataclass
class Opened:
    """A table, the outcomes of its calls and its fallbacks."""

    rows: RedisRows
    own: LmdbTable
    outcomes: list[Outcome]
    fallbacks: list[FallbackReason] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.table = RedisTable(self.rows, BUNDLE, self.own, self.fallbacks.append, lambda key, row: True)

    async def get(self, *values: int) -> list[bytes | None]:
        return await self.table.get_many(keys(*values))


Open = Callable[..., Opened]
