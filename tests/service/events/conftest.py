from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

FEEDBACK = ("feedback.enabled=true", "feedback.rotate_s=3600")


@pytest.fixture
def feedback(make: Callable[..., Any]) -> Callable[..., Any]:
    """Make a small gateway with feedback."""
    return lambda *settings, **options: make(*FEEDBACK, *settings, **options)


@pytest.fixture
async def client(feedback, served) -> AsyncIterator[httpx.AsyncClient]:
    async with served(feedback().gateway) as server, httpx.AsyncClient(base_url=server.http) as client:
        yield client


@pytest.fixture
def rows(tmp_path: Path) -> Callable[[], list[dict[str, Any]]]:
    """Read what is in the spool."""

    def read() -> list[dict[str, Any]]:
        spool = tmp_path / "feedback/spool"
        paths = sorted([*spool.glob("*.jsonl"), *spool.glob("*.open")])
        return [orjson.loads(line) for path in paths for line in path.read_bytes().splitlines()]

    return read
