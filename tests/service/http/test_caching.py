"""What outside caches may keep."""

from __future__ import annotations

import httpx

URL1 = "https://site0.example/page/0"


async def test_a_complete_answer_may_be_cached_and_is_revalidated_without_a_body(client) -> None:
    first = await client.get("/recommend", params={"url1": URL1})
    assert first.headers["cache-control"] == "public, max-age=60, stale-while-revalidate=600"
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    for sent in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        again = await client.get("/recommend", params={"url1": URL1}, headers={"if-none-match": sent})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["cache-control"] == first.headers["cache-control"]
    for sent in ('"other"', "nonsense", ""):
        asked = {"if-none-match": sent}
        assert (await client.get("/recommend", params={"url1": URL1}, headers=asked)).status_code == 200


async def test_another_answer_has_another_tag(client) -> None:
    tags = [(await client.get("/recommend", params={"url1": URL1, "k": k})).headers["etag"] for k in (1, 2, 1)]
    assert tags[0] == tags[2] != tags[1]


async def test_answers_for_one_caller_must_not_be_stored(make, served) -> None:
    small = make()
    async with served(small.gateway) as server, httpx.AsyncClient(base_url=server.http) as client:
        explained = await client.get("/recommend", params={"url1": URL1, "explain": "true"})
        refused = await client.get("/recommend", params={"url1": "nonsense"})
        posted = await client.post("/recommend", json={"url1": URL1})
        small.coclick.error = ValueError("broken")
        degraded = await client.get("/recommend", params={"url1": f"{URL1[:-1]}3"}, headers={"if-none-match": "*"})
    assert degraded.json()["degraded"]
    for response in (explained, refused, posted, degraded):
        assert response.headers["cache-control"] == "no-store"
        assert "etag" not in response.headers
