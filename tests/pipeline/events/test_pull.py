"""What a pull writes, and where it ends."""

from __future__ import annotations

from pathlib import Path

from segments_of_events import lines, row

from corpus.events.read import read_events
from pipeline.events.pull import pull


class Growing:
    """A stream of `length` events that gains another one with each read."""

    name, most = "growing", 4

    def __init__(self, length: int) -> None:
        self.length = length

    def read(self, cursor: str) -> tuple[list[bytes], str]:
        first = int(cursor or 0)
        last = min(first + self.most, self.length)
        self.length += 1
        return lines(*map(row, range(first, last))).splitlines(), str(last)


def test_a_stream_that_never_rests_is_pulled_up_to_where_it_ended(tmp_path: Path) -> None:
    stream = Growing(9)
    assert pull(stream, tmp_path) == 11  # 4, 4 and what is left
    assert pull(stream, tmp_path) == 1
    assert read_events(tmp_path).num_rows == 12
