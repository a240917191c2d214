from __future__ import annotations

import httpx
import pytest

from configs.reading import SettingsError
from service.admission.api_keys import ApiKeys
from service.admission.authorize import Authorizer
from service.settings import read_settings
from tests.service.conftest import URLS

SITE, OTHER = "https://www.example.org", "https://other.example"
LISTED = f'cors.origins=["{SITE}", "http://localhost:8080"]'
QUERY = {"url1": URLS[0]}
ALLOW, WITH_CREDENTIALS = "access-control-allow-origin", "access-control-allow-credentials"


@pytest.fixture
async def client(make, served):
    small = make(LISTED, "feedback.enabled=true")
    async with served(small.gateway) as server, httpx.AsyncClient(base_url=server.http) as client:
        client.small = small
        yield client


@pytest.mark.parametrize("wanted", [{}, {"if-none-match": '"other"'}, {"expect": "nothing"}])
async def test_an_allowed_origin_may_read_answers_however_they_are_served(client, wanted) -> None:
    for _ in range(2):  # computed, then from the cache: on the connection, by the route, on the fast path
        answer = await client.get("/recommend", params=QUERY, headers={"origin": SITE, **wanted})
        assert answer.status_code == 200
        assert (answer.headers[ALLOW], answer.headers["vary"]) == (SITE, "Origin")
        assert WITH_CREDENTIALS not in answer.headers


@pytest.mark.parametrize("headers", [{"origin": OTHER}, {"origin": "null"}, {"origin": f"{SITE}.evil.example"}, {}])
async def test_no_other_origin_may_and_caches_keep_them_apart(client, headers) -> None:
    for _ in range(2):
        answer = await client.get("/recommend", params=QUERY, headers=headers)
        assert ALLOW not in answer.headers
        assert answer.headers["vary"] == "Origin"


async def test_problems_and_events_can_be_read_too(client) -> None:
    problem = await client.get("/recommend", params={"url1": "nowhere"}, headers={"origin": SITE})
    recorded = await client.post(
        "/events", content='{"events": []}', headers={"origin": SITE, "content-type": "text/plain"}
    )
    html = await client.get("/fragment", params=QUERY, headers={"origin": SITE})
    assert [each.status_code for each in (problem, recorded, html)] == [422, 200, 200]
    assert [each.headers[ALLOW] for each in (problem, recorded, html)] == [SITE] * 3


@pytest.mark.parametrize("path", ["/recommend", "/recommend/batch", "/events", "/fragment"])
async def test_a_preflight_is_answered_for_allowed_origins_alone(client, path) -> None:
    asks = {"access-control-request-method": "POST", "access-control-request-headers": "content-type,x-api-key"}
    allowed = await client.options(path, headers={"origin": SITE, **asks})
    refused = await client.options(path, headers={"origin": OTHER, **asks})
    assert (allowed.status_code, allowed.headers[ALLOW]) == (204, SITE)
    assert "POST" in allowed.headers["access-control-allow-methods"]
    assert {"content-type", "x-api-key"} <= set(allowed.headers["access-control-allow-headers"].split(", "))
    assert (refused.status_code, refused.headers.get(ALLOW)) == (403, None)
    assert "cors.origins" in refused.json()["detail"]


async def test_other_routes_are_for_no_origin(client) -> None:
    for path in ("/healthz", "/explorer/about", "/"):
        assert ALLOW not in (await client.get(path, headers={"origin": SITE})).headers


async def test_a_preflight_needs_no_key_and_a_refusal_can_be_read(make, served, tmp_path) -> None:
    (tmp_path / "keys").write_text("site secret-key\n")
    small = make(LISTED)
    small.gateway.authorizer = Authorizer(ApiKeys(tmp_path / "keys"))
    headers = {"origin": SITE, "access-control-request-method": "GET"}
    async with served(small.gateway) as server, httpx.AsyncClient(base_url=server.http) as client:
        assert (await client.options("/recommend", headers=headers)).status_code == 204
        refused = await client.get("/recommend", params=QUERY, headers={"origin": SITE})
    assert (refused.status_code, refused.headers[ALLOW]) == (401, SITE)


async def test_all_origins_are_allowed_by_a_star(make, served) -> None:
    async with served(make('cors.origins=["*"]').gateway) as server, httpx.AsyncClient(base_url=server.http) as client:
        for _ in range(2):
            answer = await client.get("/recommend", params=QUERY, headers={"origin": OTHER})
            assert (answer.headers[ALLOW], answer.headers.get("vary")) == ("*", None)
            assert WITH_CREDENTIALS not in answer.headers


async def test_without_origins_nothing_is_allowed(make, served) -> None:
    async with served(make().gateway) as server, httpx.AsyncClient(base_url=server.http) as client:
        answer = await client.get("/recommend", params=QUERY, headers={"origin": SITE})
        assert not {ALLOW, "vary"} & set(answer.headers)
        preflight = await client.options("/recommend", headers={"origin": SITE, "access-control-request-method": "GET"})
        assert preflight.status_code == 405


@pytest.mark.parametrize(
    ("entry", "fix"),
    [
        ("https://www.example.org/", "write 'https://www.example.org'"),
        ("https://WWW.example.org/page?x", "write 'https://www.example.org'"),
        ("https://www.example.org:443", "write 'https://www.example.org'"),
        ("https://bücher.example", "write 'https://xn--bcher-kva.example'"),
        ("www.example.org", "write one such as 'https://www.example.org'"),
        ("https://*.example.org", "list each origin"),
        ("null", "is no origin"),
        ("", "is no origin"),
        ("ftp://www.example.org", "is no origin"),
    ],
)
def test_an_entry_that_is_no_origin_is_an_error_with_the_fix(entry, fix) -> None:
    with pytest.raises(SettingsError, match=r"^setting cors\.origins: ") as error:
        read_settings(None, [f'cors.origins=["{entry}"]'], {})
    assert fix in str(error.value)


def test_a_star_stands_alone() -> None:
    with pytest.raises(SettingsError, match="leave out the others"):
        read_settings(None, [f'cors.origins=["*", "{SITE}"]'], {})


@pytest.mark.parametrize("entry", ["http://localhost:8080", "https://www.example.org", "http://[::1]:3000", "*"])
def test_origins_as_browsers_send_them_are_taken(entry) -> None:
    assert read_settings(None, [f'cors.origins=["{entry}"]'], {}).cors.origins == {entry}
