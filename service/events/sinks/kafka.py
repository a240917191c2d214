"""A Kafka topic: one message per event, the row as JSON, keyed by its impression."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson

from configs.reading import SettingsError
from configs.text_file import read_text
from service.events.sink import SinkDown
from service.settings import KafkaSinkSettings

_TIMEOUT_S = 30.0  # for a segment to be acknowledged by all in-sync replicas


class KafkaSink:
    """Sends events with `acks=all` by an idempotent producer. Raises SettingsError.

    A gateway that is killed may send part of a segment again after its start; readers keep one event of each ID.
    """

    name = "kafka"

    def __init__(self, settings: KafkaSinkSettings) -> None:
        self._kafka: Any = import_module("confluent_kafka")
        self._topic = settings.topic
        options = {
            **options_of(settings),
            "bootstrap.servers": settings.servers,
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 5,
            "message.timeout.ms": int(_TIMEOUT_S * 1e3),
        }
        try:
            self._producer = self._kafka.Producer(options, logger=None)
        except self._kafka.KafkaException as error:
            raise SettingsError(f"feedback.kafka.options_file: {error.args[0].str()}") from None

    async def take(self, segments: Sequence[Path]) -> None:
        for segment in segments:
            await asyncio.to_thread(self._send, segment)

    async def close(self) -> None:
        """Forget what is in flight: its segment is sent again."""
        await asyncio.to_thread(self._producer.purge)

    def _send(self, segment: Path) -> None:
        errors: list[str] = []

        def delivered(error: Any, _: Any) -> None:
            if error is not None:
                errors.append(error.str())

        for line in segment.read_bytes().splitlines():
            self._produce(line, delivered)
        left = self._producer.flush(_TIMEOUT_S)
        if left:
            self._producer.purge()
            raise SinkDown(f"{left} events were not acknowledged within {_TIMEOUT_S:g} s")
        if errors:
            raise SinkDown(errors[0])

    def _produce(self, line: bytes, delivered: Any) -> None:
        try:
            key = orjson.loads(line)["impression_id"]
        except (orjson.JSONDecodeError, KeyError):  # spoilt by another program
            return
        while True:
            try:
                return self._producer.produce(self._topic, line, key, on_delivery=delivered)
            except BufferError:  # its queue is full
                self._producer.poll(0.1)
            except self._kafka.KafkaException as error:
                raise SinkDown(error.args[0].str()) from None


def options_of(settings: KafkaSinkSettings) -> dict[str, str]:
    """Check the settings, and return the options of their file. Raises SettingsError."""
    if not settings.servers:
        raise SettingsError('feedback.kafka.servers: it is empty: name the brokers, such as "kafka-1:9092"')
    if find_spec("confluent_kafka") is None:
        raise SettingsError("feedback.sink: kafka needs confluent-kafka: pip install 'onward[feedback]'")
    return _read(settings.options_file) if settings.options_file else {}


def _read(file: str) -> dict[str, str]:
    """Return the options of a file of `key=value` lines. Raises SettingsError."""
    try:
        lines = read_text(Path(file)).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"feedback.kafka.options_file: {file} cannot be read ({type(error).__name__})") from None
    options = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if not equals:  # never the line itself: it may hold a password
            raise SettingsError(f"feedback.kafka.options_file: line {number} of {file} is not key=value")
        options[key.strip()] = value.strip()
    return options
