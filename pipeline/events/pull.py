"""Pulls events from a stream into Parquet files, which the build reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from corpus.events.write import read_lines, write
from store.bundle import write_atomically


class Stream(Protocol):
    """A stream of events as JSON lines; a cursor is a place in it, and empty at its start."""

    @property
    def name(self) -> str: ...

    @property
    def most(self) -> int:
        """Lines of one read, and so of one file, about; fewer are the last ones."""
        ...

    def read(self, cursor: str) -> tuple[Sequence[bytes], str]:
        """Return the lines that follow the cursor, and the cursor behind them."""
        ...


def pull(stream: Stream, out: Path) -> int:
    """Write what follows the last pull; return the number of events. A pull that is killed continues where it was.

    A file is named after its first place in the stream, so that it replaces itself, and the cursor moves after it.
    """
    out.mkdir(parents=True, exist_ok=True)
    noted = out / f".{stream.name}.cursor"
    cursor = noted.read_text() if noted.is_file() else ""
    pulled, more = 0, True
    while more:  # what arrives after the end was seen is for the next pull, or a busy stream would never end
        lines, following = stream.read(cursor)
        more = len(lines) >= stream.most
        if lines:
            events = read_lines(b"\n".join(lines))
            write(out / f"{stream.name}-{cursor or 'start'}.parquet", events)
            pulled += events.num_rows
        cursor = following
        write_atomically(noted, cursor.encode())
    return pulled
