from __future__ import annotations

import re
from pathlib import Path

import httpx
import orjson
import pytest

from service.admission.api_keys import ApiKeys
from service.admission.authorize import Authorizer
from service.gateway import Explored
from store.label_file import LabelFile

URL1, URL2 = "https://site0.example/page/0", "https://site1.example/page/1"
DATA = ("/explorer/suggest", f"/explorer/pages?url={URL1}", "/explorer/about", "/explorer/bundle", "/explorer/traffic")
STATIC = Path(__file__).parents[3] / "service/explorer/static"


@pytest.fixture
async def client(make, served):
    async with served(make().gateway) as server, httpx.AsyncClient(base_url=server.http) as client:
        yield client


@pytest.fixture
async def rated(make, served, tmp_path):
    small = make()
    small.gateway.explored = Explored(labels=LabelFile(tmp_path / "labels", "explorer"))
    async with served(small.gateway) as server, httpx.AsyncClient(base_url=server.http) as client:
        yield client


async def test_the_page_and_its_files_load_under_a_strict_policy(client) -> None:
    page = await client.get("/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for path in re.findall(r'"(/explorer/static/[^"]+)"', page.text):
        file = await client.get(path)
        assert file.status_code == 200
        assert file.headers["x-content-type-options"] == "nosniff"
        same = await client.get(path, headers={"if-none-match": file.headers["etag"]})
        assert (same.status_code, same.content) == (304, b"")


@pytest.mark.parametrize("path", sorted(STATIC.iterdir()), ids=lambda path: path.name)
def test_files_load_nothing_from_outside(path: Path) -> None:
    text = path.read_text().replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"(src|href|import|url)\W{0,4}(https?:)?//", text)


@pytest.mark.parametrize("name", ["missing.js", "..%2froutes.py", "%2e%2e/routes.py", ""])
async def test_other_files_are_not_served(client, name) -> None:
    assert (await client.get(f"/explorer/static/{name}")).status_code == 404


async def test_suggestions_pages_and_state(client) -> None:
    assert [page["title"] for page in (await client.get("/explorer/suggest", params={"q": "page 7"})).json()] == [
        "Page 7"
    ]
    asked = [URL1, "https://elsewhere.example/", "no address"]
    pages = (await client.get("/explorer/pages", params={"url": asked})).json()
    assert [page["known"] for page in pages] == [True, False, False]
    about = (await client.get("/explorer/about")).json()
    assert about["ratings"] is False
    assert "select" in {part["role"] for part in about["parts"]}


async def test_a_question_that_is_too_long_is_refused_with_its_fix(client) -> None:
    refused = await client.get("/explorer/suggest", params={"q": "a" * 201})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "q"


async def test_traffic_counts_what_was_asked(client) -> None:
    for _ in range(6):
        await client.get("/recommend", params={"url1": URL1})
    await client.get("/recommend", params={"url1": URL2})
    traffic = (await client.get("/explorer/traffic")).json()
    assert sum(traffic["answers"].values()) == 7
    assert traffic["latency"][-1] == {"most_s": None, "count": 7}
    assert traffic["stages"]["stage1"]["runs"] == 2
    assert traffic["unknown_waiting"] is None


async def test_pages_that_few_asked_for_are_not_listed(client) -> None:
    for url, times in ((URL1, 6), (URL2, 4), ("https://elsewhere.example/", 5)):
        for _ in range(times):
            await client.get("/recommend", params={"url1": url})
    traffic = (await client.get("/explorer/traffic")).json()
    assert traffic["top"] == [{"url": URL1, "count": 6}]
    assert traffic["top_unknown"] == [{"url": "https://elsewhere.example/", "count": 5}]


async def test_the_page_loads_without_a_key_and_its_data_need_one(make, served, tmp_path) -> None:
    (tmp_path / "keys").write_text("anna open-key\n")
    small = make()
    small.gateway.authorizer = Authorizer(ApiKeys(tmp_path / "keys"))
    async with served(small.gateway) as server, httpx.AsyncClient(base_url=server.http) as client:
        assert (await client.get("/")).status_code == 200
        assert (await client.get("/explorer/static/main.js")).status_code == 200
        for path in DATA:
            assert (await client.get(path)).status_code == 401
            assert (await client.get(path, headers={"x-api-key": "open-key"})).status_code in (200, 404)


async def test_data_are_for_those_who_may_explain(make, served) -> None:
    small = make()
    small.gateway.authorizer = Authorizer(explains=False)
    async with served(small.gateway) as server, httpx.AsyncClient(base_url=server.http) as client:
        assert [(await client.get(path)).status_code for path in DATA] == [403] * len(DATA)


async def test_it_can_be_turned_off(make, served) -> None:
    async with (
        served(make("explorer.enabled=false").gateway) as server,
        httpx.AsyncClient(base_url=server.http) as client,
    ):
        assert [(await client.get(path)).status_code for path in ("/", *DATA)] == [404] * (1 + len(DATA))


async def test_a_rating_becomes_a_label(rated, tmp_path) -> None:
    rating = {"url1": URL1.upper().replace("/PAGE", "/page"), "url2": URL2, "quality": 4}
    assert (await rated.post("/explorer/labels", json=rating)).status_code == 200
    (file,) = (tmp_path / "labels").iterdir()
    row = orjson.loads(file.read_bytes())
    assert (row["url1"], row["url2"], row["quality"]) == (URL1, URL2, 4)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"quality": 5}, "quality"),
        ({"quality": "4"}, "quality"),
        ({"quality": True}, "quality"),
        ({"url2": "https://elsewhere.example/"}, "url2"),
        ({"url1": "nonsense"}, "url1"),
        ({"who": "me"}, "who"),
    ],
)
async def test_a_bad_rating_is_refused_with_its_field(rated, tmp_path, change, field) -> None:
    refused = await rated.post("/explorer/labels", json={"url1": URL1, "url2": URL2, "quality": 1, **change})
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == [field]
    assert not list((tmp_path / "labels").iterdir())


async def test_another_site_cannot_rate(rated) -> None:
    rating = {"url1": URL1, "url2": URL2, "quality": 4}
    refused = await rated.post("/explorer/labels", json=rating, headers={"sec-fetch-site": "cross-site"})
    assert refused.status_code == 403


async def test_a_rating_that_cannot_be_stored_says_so(make, served, tmp_path) -> None:
    small = make()
    small.gateway.explored = Explored(labels=LabelFile(tmp_path / "labels", "explorer", most_bytes=10))
    async with served(small.gateway) as server, httpx.AsyncClient(base_url=server.http) as client:
        refused = await client.post("/explorer/labels", json={"url1": URL1, "url2": URL2, "quality": 4})
    assert refused.status_code == 503
    assert "rate again" in refused.json()["detail"]


async def test_without_the_setting_nobody_can_rate(client) -> None:
    refused = await client.post("/explorer/labels", json={"url1": URL1, "url2": URL2, "quality": 4})
    assert refused.status_code == 404
