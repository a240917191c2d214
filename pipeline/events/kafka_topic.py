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
_GROUP = "onward-pull"  # Kafka wants a name; offsets are kept beside the files


class KafkaError(InputError):
    """Kafka did not answer; the message says why."""


class KafkaPartition:
    """Reads one partition of a topic; a cursor is an offset. Raises KafkaError."""

    most = 200_000

    def __init__(self, consumer: Any, topic: str, partition: int) -> None:
        self._kafka: Any = import_module("confluent_kafka")
        self._consumer, self._topic, self._partition = consumer, topic, partition
        self.name = f"kafka-{partition}"

    def read(self, cursor: str) -> tuple[Sequence[bytes], str]:
        """Return the lines that follow the cursor, and the cursor behind them.

        A client's event says where the partition ends: offsets may be taken by markers of transactions at its end, and
        not every broker tells the last offset right.
        """
        try:
            offset = self._first(cursor)
            self._consumer.assign([self._kafka.TopicPartition(self._topic, self._partition, offset)])
            lines: list[bytes] = []
            ended = False
            while not ended and len(lines) < self.most:
                messages, ended = self._messages()
                lines += [message.value() or b"" for message in messages]
                offset = messages[-1].offset() + 1 if messages else offset
            return lines, str(offset)
        except self._kafka.KafkaException as error:
            raise KafkaError(f"topic {self._topic}, partition {self._partition}: {error.args[0].str()}") from None

    def _first(self, cursor: str) -> int:
        """Return the offset to read from: older messages than the oldest have expired."""
        place = self._kafka.TopicPartition(self._topic, self._partition)
        oldest: int = self._consumer.get_watermark_offsets(place, _TIMEOUT_S)[0]
        return max(oldest, int(cursor)) if cursor else oldest

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
            if error.code() == self._kafka.KafkaError._AUTO_OFFSET_RESET:
                where = f"topic {self._topic}, partition {self._partition}: it ends before what was read of it"
                raise KafkaError(f"{where}; if it was made anew, pull it into another directory")
            if error.code() != self._kafka.KafkaError._PARTITION_EOF:
                raise KafkaError(f"topic {self._topic}: {error.str()}")
        return messages, len(messages) < len(found)


@contextmanager
def partitions(servers: str, topic: str, options: Mapping[str, str]) -> Iterator[list[KafkaPartition]]:
    """Yield the partitions of a topic. Raises KafkaError."""
    kafka: Any = import_module("confluent_kafka")
    mine = {
        "bootstrap.servers": servers,
        "group.id": _GROUP,
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "fetch.wait.max.ms": 100,  # a broker tells the end of a partition after this long
        "auto.offset.reset": "error",  # never read events again because an offset is not there
    }
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
