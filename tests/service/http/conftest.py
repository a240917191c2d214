from __future__ import annotations

import httpx
import pytest


@pytest.fixture
async def client(make, served):
    async with served(make().gateway) as server, httpx.AsyncClient(base_url=server.http) as client:
        yield client
