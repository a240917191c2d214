from __future__ import annotations

import re

import httpx


async def test_the_page_of_the_api_loads_from_this_gateway_alone(make, served) -> None:
    async with served(make().gateway) as server, httpx.AsyncClient(base_url=server.http) as client:
        page = await client.get("/docs")
        assert "script-src 'self';" in page.headers["content-security-policy"]
        sources = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert [source for source in sources if not source.startswith(("/docs/", "data:"))] == []
        for source in sources:
            if source.startswith("/"):
                assert (await client.get(source)).status_code == 200
        assert (await client.get("/docs/other.js")).status_code == 404
