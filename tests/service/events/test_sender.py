from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from service.events import segments
from service.events.sender import Sender, send_sealed
from service.events.sink import SinkDown
from service.events.spool import Spool


class Taking:
    """A sink that is down as often as it is told."""

    name = "taking"

    def __init__(self, down: int = 0) -> None:
        self.down, self.lines = down, list[bytes]()

    async def take(self, segments: Sequence[Path]) -> None:
        if self.down:
            self.down -= 1
            raise SinkDown("no route")
        self.lines += [line for path in segments for line in path.read_bytes().splitlines()]

    async def close(self) -> None: ...


async def spooled(directory: Path, count: int) -> Spool:
    spool = Spool(directory, 1e6, 3600)
    for number in range(count):
        await spool.append(b"%d\n" % number)
        await spool.rotate(now=True)
    return spool


async def test_sealed_segments_are_sent_in_order_and_deleted(tmp_path: Path) -> None:
    spool, sink = await spooled(tmp_path, 20), Taking()
    assert await Sender(spool, sink).send()
    assert sink.lines == [b"%d" % number for number in range(20)]
    assert segments.sealed(tmp_path) == []
    await spool.close()


async def test_what_a_sink_does_not_take_waits(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    failures: list[None] = []
    spool, sink = await spooled(tmp_path, 3), Taking(down=1)
    sender = Sender(spool, sink, lambda: failures.append(None))
    assert not await sender.send()
    assert len(segments.sealed(tmp_path)) == 3
    assert "no route" in caplog.text
    assert await sender.send()
    assert sink.lines == [b"0", b"1", b"2"]
    assert len(failures) == 1
    await spool.close()


async def test_one_process_sends_at_a_time(tmp_path: Path) -> None:
    spool, sink = await spooled(tmp_path, 1), Taking()
    with segments.locked(tmp_path / "sending.lock"):
        assert await Sender(spool, sink).send()
        with pytest.raises(BlockingIOError):
            await send_sealed(tmp_path, sink, wait=False)
    assert sink.lines == []
    await spool.close()


async def test_at_the_end_the_last_events_are_sent(tmp_path: Path) -> None:
    spool, sink = Spool(tmp_path, 1e6, 3600), Taking()
    sender = Sender(spool, sink)
    sender.start()
    await spool.append(b"last\n")
    await sender.close()
    assert sink.lines == [b"last"]
