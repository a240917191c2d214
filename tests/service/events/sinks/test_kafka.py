"""The sink against librdkafka's own test double of a cluster: real clients, its protocol, no broker."""

from __future__ import annotations

from pathlib import Path

import pytest
from segments_of_events import segment

from configs.reading import SettingsError
from corpus.events.read import read_events
from pipeline.events.kafka_topic import KafkaError, partitions
from pipeline.events.pull import pull
from service.events.sink import SinkDown
from service.events.sinks import kafka as kafka_sink
from service.events.sinks.kafka import KafkaSink, options_of
from service.settings import KafkaSinkSettings

confluent_kafka = pytest.importorskip("confluent_kafka")


@pytest.fixture(scope="module")
def servers():
    """The addresses of a cluster of two brokers, which lives in the process of this producer."""
    double = confluent_kafka.Producer({"test.mock.num.brokers": 2})
    brokers = double.list_topics(timeout=10).brokers.values()
    yield ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    double.flush(1)


async def test_events_are_sent_and_pulled_once(servers: str, tmp_path: Path) -> None:
    out = tmp_path / "events"
    taking = KafkaSink(KafkaSinkSettings(servers=servers, topic="events"))
    await taking.take([segment(tmp_path, "a", range(2_000))])
    with partitions(servers, "events", {}) as found:
        assert sum(pull(each, out) for each in found) == 2_000
        assert sum(pull(each, out) for each in found) == 0
    await taking.take([segment(tmp_path, "a", range(2_000)), segment(tmp_path, "b", range(2_000, 2_010))])
    await taking.close()
    with partitions(servers, "events", {}) as found:
        assert sum(pull(each, out) for each in found) == 2_010
    assert read_events(out).num_rows == 2_010  # the first segment was sent twice


async def test_a_partition_that_was_read_further_than_it_goes_is_another_one(servers: str, tmp_path: Path) -> None:
    taking = KafkaSink(KafkaSinkSettings(servers=servers, topic="anew"))
    await taking.take([segment(tmp_path, "a", range(10))])
    await taking.close()
    with partitions(servers, "anew", {}) as found, pytest.raises(KafkaError, match="into another directory"):
        found[0].read("11000")


async def test_the_end_of_a_partition_comes_before_its_last_offset_where_no_event_has_it(
    servers: str, tmp_path: Path, monkeypatch
) -> None:
    """As after a transaction, whose marker takes an offset and is never delivered."""
    taking = KafkaSink(KafkaSinkSettings(servers=servers, topic="marked"))
    await taking.take([segment(tmp_path, "a", range(10))])
    await taking.close()
    with partitions(servers, "marked", {}) as found:
        counts = []
        for each in found:
            real = each._consumer.get_watermark_offsets

            class Marked:
                def __getattr__(self, name: str, consumer=each._consumer) -> object:
                    return getattr(consumer, name)

                def get_watermark_offsets(self, place, timeout, real=real) -> tuple[int, int]:
                    oldest, end = real(place, timeout)
                    return oldest, end + 1

            monkeypatch.setattr(each, "_consumer", Marked())
            counts.append(len(each.read("")[0]))
        assert sum(counts) == 10


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
