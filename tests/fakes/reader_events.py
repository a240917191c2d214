"""Events as a page in a browser sends them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx

URL1 = "https://site0.example/page/0"


def event(kind: str, answer_id: str, ordinal: int | None = None, **fields: Any) -> dict[str, Any]:
    about = {"answer_id": answer_id, **fields.pop("about", {})}
    if ordinal is not None:
        about["position"] = {"ordinal": ordinal}
    if kind == "dwell":
        about.setdefault("dwell_s", 12.5)
    made = {"event_id": str(uuid4()), "query_id": "impression-1", "timestamp": "2026-11-26T09:00:00Z"}
    return {**made, "action_name": kind, "event_attributes": about, **fields}


async def answer_of(client: httpx.AsyncClient, url1: str = URL1) -> dict[str, Any]:
    return (await client.get("/recommend", params={"url1": url1})).json()


async def post(client: httpx.AsyncClient, *events: Any) -> list[dict[str, Any]]:
    answer = await client.post("/events", json={"events": list(events)})
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]
