"""Events of a Kafka topic."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from corpus.schema import InputError

_TIMEOUT_S = 30.0
_GATHER_S = 0.2  # a client waits this long for a whole batch, even where the topic has no more
_MOST = 200_000  # events per file
_GROUP = "onward-pull"  # Kafka wants a name; offsets are kept beside the files


class KafkaError(InputError):
    """Kafka did not answer; the message says why."""


class KafkaPartition:
    """Reads one partition of a topic; a cursor is an offset. Raises KafkaError."""

    def __init__(self, consumer: Any, topic: str, partition: int) -> None:
        self._kafka: Any = import_module("confluent_kafka")
        self._consumer, self._topic, self._partition = consumer, topic, partition
        self.name = f"kafka-{partition}"

    def read(self, cursor: str) -> tuple[Sequence[bytes], str]:
        """Return lines that follow the cursor, none at the end, and the cursor behind them."""
        place = self._kafka.TopicPartition(self._topic, self._partition)
        try:
            oldest, end = self._consumer.get_watermark_offsets(place, _TIMEOUT_S)
            offset = max(oldest, int(cursor)) if cursor else oldest
            place.offset = offset
            self._consumer.assign([place])
            if offset > end:
                where = f"topic {self._topic}, partition {self._partition}: it was read up to {offset:,}"
                raise KafkaError(f"{where} and ends at {end:,}; if it was made anew, pull it into another directory")
            lines: list[bytes] = []
            while offset < end and len(lines) < _MOST:
                messages, ended = self._messages()
                lines += [message.value() or b"" for message in messages]
                offset = messages[-1].offset() + 1 if messages else offset
                if ended:  # markers of transactions stand at the end, or an open one
                    break
            return lines, str(offset)
        except self._kafka.KafkaException as error:
            raise KafkaError(f"topic {self._topic}, partition {self._partition}: {error.args[0].str()}") from None

    def _messages(self) -> tuple[list[Any], bool]:
        """Return the next messages, and whether the partition ends there."""
        found: list[Any] = []
        latest = time.monotonic() + _TIMEOUT_S
        while not found and time.monotonic() < latest:
            found = self._consumer.consume(1000, timeout=_GATHER_S)
        if not found:
            raise KafkaError(f"topic {self._topic}: no messages within {_TIMEOUT_S:g} s")
        messages = [message for message in found if message.error() is None]
        for error in (message.error() for message in found if message.error() is not None):
            if error.code() != self._kafka.KafkaError._PARTITION_EOF:
                raise KafkaError(f"topic {self._topic}: {error.str()}")
        return messages, len(messages) < len(found)


@contextmanager
def partitions(servers: str, topic: str, options: Mapping[str, str]) -> Iterator[list[KafkaPartition]]:
    """Yield the partitions of a topic. Raises KafkaError."""
    kafka: Any = import_module("confluent_kafka")
    mine = {"bootstrap.servers": servers, "group.id": _GROUP, "enable.auto.commit": False, "enable.partition.eof": True}
    try:
        consumer = kafka.Consumer({**options, **mine})
        try:
            found = consumer.list_topics(topic, _TIMEOUT_S).topics[topic]
            if found.error is not None:
                raise KafkaError(f"topic {topic}: {found.error.str()}")
            yield [KafkaPartition(consumer, topic, number) for number in sorted(found.partitions)]
        finally:
            consumer.close()
    except kafka.KafkaException as error:
        raise KafkaError(f"{servers}: {error.args[0].str()}") from None
