"""The sink and what pulls from it, with real clients: against a broker, and against a double of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka_broker import broker
from ports import free_port
from segments_of_events import segment

from configs.reading import SettingsError
from corpus.events.read import read_events
from pipeline.events.kafka_topic import KafkaError, KafkaPartition, partitions
from pipeline.events.pull import pull
from service.events.sink import SinkDown
from service.events.sinks import kafka as kafka_sink
from service.events.sinks.kafka import KafkaSink, options_of
from service.settings import KafkaSinkSettings

confluent_kafka = pytest.importorskip("confluent_kafka")


@pytest.fixture(scope="module")
def brokers() -> Iterator[str]:
    with broker(free_port()) as address:
        yield address


@pytest.fixture(scope="module")
def double() -> Iterator[str]:
    """The addresses of a cluster of two brokers, which lives in the process of this producer."""
    cluster = confluent_kafka.Producer({"test.mock.num.brokers": 2})
    yield ",".join(f"{each.host}:{each.port}" for each in cluster.list_topics(timeout=10).brokers.values())
    cluster.flush(1)


@pytest.fixture(params=["brokers", "double"])
def servers(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue(request.param)


async def _sent(servers: str, topic: str, *segments: Path) -> None:
    sink = KafkaSink(KafkaSinkSettings(servers=servers, topic=topic))
    await sink.take(segments)
    await sink.close()


def _pulled(servers: str, topic: str, out: Path) -> int:
    with partitions(servers, topic, {}) as found:
        return sum(pull(each, out) for each in found)


async def test_events_are_sent_and_pulled_once(servers: str, tmp_path: Path) -> None:
    out = tmp_path / "events"
    await _sent(servers, "events", segment(tmp_path, "a", range(2_000)))
    assert [_pulled(servers, "events", out) for _ in range(2)] == [2_000, 0]
    await _sent(servers, "events", segment(tmp_path, "a", range(2_000)), segment(tmp_path, "b", range(2_000, 2_010)))
    assert _pulled(servers, "events", out) == 2_010
    assert read_events(out).num_rows == 2_010  # the first segment was sent twice


async def test_more_than_a_file_holds_is_pulled_into_several(servers: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(KafkaPartition, "most", 50)
    for first in range(0, 3_000, 1_000):  # the double's partitions return what was sent together together
        await _sent(servers, "long", segment(tmp_path, "a", range(first, first + 1_000)))
    assert _pulled(servers, "long", tmp_path / "events") == 3_000
    assert read_events(tmp_path / "events").num_rows == 3_000


async def test_the_marker_of_a_transaction_at_the_end_is_no_event(servers: str, tmp_path: Path) -> None:
    (line,) = segment(tmp_path, "a", range(1)).read_bytes().splitlines()
    producer = confluent_kafka.Producer({"bootstrap.servers": servers, "transactional.id": "t"}, logger=None)
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce("marked", line)
    producer.commit_transaction(30)
    assert [_pulled(servers, "marked", tmp_path / "events") for _ in range(2)] == [1, 0]


async def test_a_partition_that_was_read_further_than_it_goes_is_another_one(double: str, tmp_path: Path) -> None:
    await _sent(double, "anew", segment(tmp_path, "a", range(10)))
    with partitions(double, "anew", {}) as found, pytest.raises(KafkaError, match="into another directory"):
        found[0].read("11000")


async def test_the_sink_goes_on_where_its_broker_comes_back(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(kafka_sink, "_TIMEOUT_S", 3.0)
    port, events = free_port(), segment(tmp_path, "a", range(10))
    sink = KafkaSink(KafkaSinkSettings(servers=f"127.0.0.1:{port}", topic="events"))
    with pytest.raises(SinkDown):
        await sink.take([events])
    with broker(port) as address:
        monkeypatch.setattr(kafka_sink, "_TIMEOUT_S", 30.0)
        await sink.take([events])
        assert _pulled(address, "events", tmp_path / "events") == 10
    await sink.close()


async def test_without_its_brokers_the_sink_is_down(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(kafka_sink, "_TIMEOUT_S", 0.5)
    taking = KafkaSink(KafkaSinkSettings(servers="127.0.0.1:1"))
    with pytest.raises(SinkDown):
        await taking.take([segment(tmp_path, "a", range(3))])
    await taking.close()


@pytest.mark.parametrize(
    ("text", "problem"), [("sasl.password\n", "line 1"), ("no.such.option=1\n", "No such configuration property")]
)
def test_bad_options_are_an_error_without_their_value(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "options").write_text(text)
    with pytest.raises(SettingsError, match=problem):
        KafkaSink(KafkaSinkSettings(servers="127.0.0.1:1", options_file=str(tmp_path / "options")))


def test_options_are_read(tmp_path: Path) -> None:
    (tmp_path / "options").write_text("# TLS\nsecurity.protocol = ssl\nsasl.password=a=b\n")
    settings = KafkaSinkSettings(servers="x", options_file=str(tmp_path / "options"))
    assert options_of(settings) == {"security.protocol": "ssl", "sasl.password": "a=b"}


def test_no_brokers_is_an_error() -> None:
    with pytest.raises(SettingsError, match=r"feedback\.kafka\.servers"):
        KafkaSink(KafkaSinkSettings())
