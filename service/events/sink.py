"""What takes recorded events: Parquet files, a Redis stream or a Kafka topic."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol


class SinkDown(Exception):
    """The sink does not take events now; the message says why. They stay in the spool."""


class Sink(Protocol):
    """Takes sealed segments. It may get one again after a failure: readers keep one event of each ID."""

    @property
    def name(self) -> str: ...

    async def take(self, segments: Sequence[Path]) -> None:
        """Take all events of the segments, durably. Raises SinkDown."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...
