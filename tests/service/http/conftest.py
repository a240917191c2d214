from __future__ import annotations

import httpx
import pytest

PATIENT = ("budget_ms=60000", "max_budget_ms=60000")  # a busy machine must not cost an answer its parts


@pytest.fixture
async def client(make, served):
    async with served(make(*PATIENT).gateway) as server, httpx.AsyncClient(base_url=server.http) as client:
        yield client
