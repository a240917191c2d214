from __future__ import annotations

import re

import httpx
import orjson
import pytest

from service.admission.api_keys import ApiKeys
from service.admission.authorize import Authorizer
from tests.service.http.problem_body import problem

URL1 = "https://site0.example/page/0"


async def test_get_and_post_give_the_same_answer(client) -> None:
    got = await client.get("/recommend", params={"url1": URL1, "k": 3})
    posted = await client.post("/recommend", json={"url1": URL1, "k": 3})
    assert got.status_code == posted.status_code == 200
    first, second = got.json(), posted.json()
    assert first.keys() == {"url1", "recommendations", "degraded", "bundle", "served_by", "request_id", "took_ms"}
    assert (first["served_by"], second["served_by"]) == ("computed", "cache")
    own = ("served_by", "request_id", "took_ms")
    assert {k: v for k, v in first.items() if k not in own} == {k: v for k, v in second.items() if k not in own}


async def test_a_recommendation_has_the_documented_fields(client) -> None:
    page = (await client.get("/recommend", params={"url1": URL1})).json()["recommendations"][0]
    assert page.keys() == {"url", "title", "snippet", "score", "click", "quality", "recalled_by"}
    assert page["recalled_by"][0].keys() == {"path", "rank"}


async def test_k_defaults_to_five(client) -> None:
    assert len((await client.get("/recommend", params={"url1": URL1})).json()["recommendations"]) == 5


@pytest.mark.parametrize("name", ["utm_source", "excludes", "exclude", "quality_weight", "URL1", "x" * 5000, "é"])
async def test_an_unknown_parameter_is_named_with_its_fix(client, name) -> None:
    for _ in range(2):  # the second time the answer to url1 is kept
        body = problem(await client.get("/recommend", params={"url1": URL1, name: "7"}), 422)
        (error,) = body["errors"]
        assert error["field"] == name[:100]
        await client.get("/recommend", params={"url1": URL1})
    if name in ("exclude", "quality_weight"):
        assert error["fix"] == f"send {name} in the body of a POST"


@pytest.mark.parametrize("name", ["excludes", "quality-weight", "K", "", "x" * 5000, "request"])
async def test_an_unknown_field_is_named_with_its_fix(client, name) -> None:
    (error,) = problem(await client.post("/recommend", json={"url1": URL1, name: 7}), 422)["errors"]
    assert error["field"] == name[:100]
    assert error["fix"].startswith(("did you mean", "leave it out"))
    batch = {"requests": [{"url1": URL1, name: 7}, {"url1": URL1}]}
    results = (await client.post("/recommend/batch", json=batch)).json()["results"]
    assert results[0]["problem"]["errors"][0]["field"] == name[:100]
    assert "answer" in results[1]
    (error,) = problem(await client.post("/recommend/batch", json={**batch, name: 7}), 422)["errors"]
    assert error["field"] == name[:100]


@pytest.mark.parametrize("path", ["/recommend", "/recommend/batch"])
async def test_a_query_parameter_of_a_post_is_named(client, path) -> None:
    body = {"url1": URL1} if path == "/recommend" else {"requests": [{"url1": URL1}]}
    (error,) = problem(await client.post(path, params={"k": 3}, json=body), 422)["errors"]
    assert (error["field"], error["fix"]) == ("k", "send it in the body")


async def test_json_needs_no_content_type_and_another_type_is_named(client) -> None:
    content = orjson.dumps({"url1": URL1})
    for headers in ({}, {"content-type": "application/json; charset=utf-8"}, {"content-type": "application/ld+json"}):
        assert (await client.post("/recommend", content=content, headers=headers)).status_code == 200
    for kind in ("text/plain", "application/x-www-form-urlencoded", "nonsense"):
        refused = await client.post("/recommend", content=content, headers={"content-type": kind})
        (error,) = problem(refused, 400)["errors"]
        assert (error["field"], error["fix"]) == ("Content-Type", "send application/json")


@pytest.mark.parametrize("path", ["/recommend", "/healthz", "/readyz", "/docs", "/openapi.json", "/nothing"])
async def test_head_is_get_without_a_body(client, path) -> None:
    asked = {"params": {"url1": URL1} if path == "/recommend" else {}, "headers": {"accept-encoding": "identity"}}
    for _ in range(2):  # the second answer is a kept one
        got, head = await client.get(path, **asked), await client.head(path, **asked)
        assert (head.status_code, head.content) == (got.status_code, b"")
        names = ("content-type", "cache-control", "etag")
        assert [head.headers.get(name) for name in names] == [got.headers.get(name) for name in names]
        assert abs(int(head.headers["content-length"]) - len(got.content)) < 10  # took_ms differs in its digits


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/recommend", "GET, HEAD, POST"),
        ("/recommend/batch", "POST"),
        ("/healthz", "GET, HEAD"),
        ("/readyz", "GET, HEAD"),
    ],
)
async def test_an_unsupported_method_gets_the_supported_ones_in_allow(client, path, allowed) -> None:
    for method in ("DELETE", "PUT", "OPTIONS", *(() if "GET" in allowed else ("GET", "HEAD"))):
        refused = await client.request(method, path)
        assert (refused.status_code, refused.headers["allow"]) == (405, allowed)


PYTHONS = re.compile(
    r"Input should|dictionary|frozenset|\bset\b|\btuple|NoneType|\bint\b|\bstr\b|\bfloat\b|\bbool\b|instance|attribute"
)
WRONG = ["x", "", -1, 1.5, 10**30, True, None, [], [[]], [None], {}, {"a": 1}]


async def test_errors_contain_no_terms_of_python(client) -> None:
    fields = ("url1", "k", "explain", "title", "snippet", "language", "exclude", "quality_weight", "budget_ms")
    bodies = [{"url1": URL1, field: value} for field in fields for value in WRONG] + WRONG
    results = (await client.post("/recommend/batch", json={"requests": bodies[:100]})).json()["results"]
    results += (await client.post("/recommend/batch", json={"requests": bodies[100:]})).json()["results"]
    told = [error for result in results for error in result.get("problem", {"errors": []})["errors"]]
    for value in WRONG:
        answer = await client.post("/recommend/batch", content=orjson.dumps(value) if value != 10**30 else b"1e30")
        told += answer.json()["errors"]
    assert len(told) > 60
    assert [error for error in told if PYTHONS.search(error["problem"] + error["fix"])] == []


async def test_requests_of_a_batch_cannot_be_explained(client) -> None:
    asked = [{"url1": URL1, "explain": True}, {"url1": URL1, "explain": False}, {"url1": URL1, "explain": "yes"}]
    batch = await client.post("/recommend/batch", json={"requests": asked * 30})
    results = batch.json()["results"]
    assert ["answer" in result for result in results] == [False, True, False] * 30
    assert {result["problem"]["status"] for result in results[::3]} == {422}
    assert results[0]["problem"]["errors"][0]["field"] == "explain"
    assert len(batch.content) < 300_000


async def test_explain_can_be_turned_off_or_require_a_key(make, served, tmp_path) -> None:
    (tmp_path / "keys").write_text("anna open-key\n")
    keyed, asked = Authorizer(explain_keys=ApiKeys(tmp_path / "keys")), {"url1": URL1, "explain": True}
    for authorizer, sent, status in (
        (Authorizer(explains=False), "open-key", 403),
        (keyed, "", 401),
        (keyed, "other", 401),
        (keyed, "open-key", 200),
    ):
        small = make()
        small.gateway.authorizer = authorizer
        async with served(small.gateway) as server, httpx.AsyncClient(base_url=server.http) as client:
            headers = {"x-api-key": sent} if sent else {}
            for answer in (
                await client.get("/recommend", params=asked, headers=headers),
                await client.post("/recommend", json=asked, headers=headers),
            ):
                assert answer.status_code == status
                if status != 200:
                    problem(answer, status)
            assert (await client.get("/recommend", params={"url1": URL1})).status_code == 200


async def test_explain_is_added_on_request(client) -> None:
    answer = (await client.get("/recommend", params={"url1": URL1, "explain": "true"})).json()
    expected = {"ms", "recalled", "reasons", "runs", "dropped", "rules", "stages", "weights", "stored"}
    assert answer["explain"].keys() == expected


@pytest.mark.parametrize(
    ("params", "field"),
    [({}, "url1"), ({"url1": "nonsense"}, "url1"), *(({"url1": URL1, "k": k}, "k") for k in ("0", "31", "x", "1.5"))],
)
async def test_an_invalid_parameter_is_named_with_its_fix(client, params, field) -> None:
    (error,) = problem(await client.get("/recommend", params=params), 422)["errors"]
    assert error["field"] == field
    assert error["problem"]
    assert error["fix"]


@pytest.mark.parametrize(
    ("field", "value", "named"), [("exclude", [URL1, "nonsense"], "exclude[1]"), ("language", "no tag", "language")]
)
async def test_an_invalid_url_or_language_is_named(client, field, value, named) -> None:
    response = await client.post("/recommend", json={"url1": URL1, field: value})
    (error,) = problem(response, 422)["errors"]
    assert error["field"] == named
    assert error["fix"]


async def test_every_spelling_of_a_url_gets_the_answer_of_the_page(client) -> None:
    known = (await client.get("/recommend", params={"url1": URL1})).json()
    for spelling in (URL1.replace("https", "http"), f"{URL1}/", URL1.replace(".example", ".example."), f"{URL1}?ref=x"):
        answer = (await client.get("/recommend", params={"url1": spelling})).json()
        assert (answer["url1"], answer["degraded"]) == (URL1, [])
        assert answer["recommendations"] == known["recommendations"]


async def test_malformed_json_is_a_400(client) -> None:
    problem(await client.post("/recommend", content=b"{", headers={"content-type": "application/json"}), 400)


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_too_large_is_a_413(client, chunked) -> None:
    async def chunks():
        for _ in range(300):
            yield b" " * 1024

    content = chunks() if chunked else b" " * 300 * 1024
    response = await client.post("/recommend", content=content, headers={"content-type": "application/json"})
    problem(response, 413)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_the_body_of_an_unknown_path_has_the_limit_too(client, method) -> None:
    response = await client.request(method, "/recommend", params={"url1": URL1}, content=b" " * 300 * 1024)
    problem(response, 413)


async def test_a_body_below_the_limit_is_read_in_chunks(client) -> None:
    async def chunks():
        for byte in orjson.dumps({"url1": URL1}):
            yield bytes([byte])

    response = await client.post("/recommend", content=chunks(), headers={"content-type": "application/json"})
    assert response.status_code == 200


async def test_unknown_paths_and_methods_are_problems(client) -> None:
    problem(await client.get("/nothing"), 404)
    for method in ("GET", "POST"):
        assert "feedback.enabled" in problem(await client.request(method, "/events"), 404)["detail"]
    problem(await client.get("/recommend/"), 404)
    assert problem(await client.delete("/recommend"), 405)
    assert (await client.delete("/recommend")).headers["allow"]


async def test_a_batch_gives_each_its_own_answer_or_problem(client) -> None:
    requests = [{"url1": URL1}, {"url1": URL1, "k": 0}, {"url1": "ftp://a.example/"}, {}, 5, {"url1": URL1, "k": 2}]
    results = (await client.post("/recommend/batch", json={"requests": requests})).json()["results"]
    assert [next(iter(result)) for result in results] == ["answer", *["problem"] * 4, "answer"]
    assert [error["field"] for error in results[1]["problem"]["errors"]] == ["k"]
    assert len(results[5]["answer"]["recommendations"]) == 2


async def test_a_batch_of_more_than_100_is_refused(client) -> None:
    response = await client.post("/recommend/batch", json={"requests": [{"url1": URL1}] * 101})
    assert problem(response, 422)["errors"][0]["field"] == "requests"


async def test_a_safe_request_id_is_returned_and_an_unsafe_one_replaced(client) -> None:
    kept = await client.get("/recommend", params={"url1": URL1}, headers={"x-request-id": "abc.DEF_1-2"})
    assert kept.json()["request_id"] == kept.headers["x-request-id"] == "abc.DEF_1-2"
    for unsafe in ('a"b', "a" * 65, "a b", "é".encode("latin-1")):
        made = await client.get("/healthz", headers={"x-request-id": unsafe})
        assert made.headers["x-request-id"] != unsafe
        assert len(made.headers["x-request-id"]) == 32


async def test_readiness_follows_the_gateway_and_health_does_not(make, served) -> None:
    small = make()
    async with served(small.gateway) as server, httpx.AsyncClient(base_url=server.http) as client:
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "ready")
        small.gateway.drain()
        problem(await client.get("/readyz"), 503)
        assert (await client.get("/healthz")).status_code == 200


async def test_metrics_have_no_labels_that_callers_choose(make, served) -> None:
    async with served(make().gateway) as server, httpx.AsyncClient(base_url=server.http) as client:
        await client.get("/recommend", params={"url1": URL1})
        await client.get("/some/strange/path")
        text = (await client.get(f"{server.admin}/metrics")).text
    assert 'onward_requests_total{protocol="http",route="/recommend",status="200"} 1.0' in text
    assert 'route="other",status="404"' in text
    assert "strange" not in text


async def test_a_bug_is_a_500_problem_that_names_only_the_request(make, served, caplog) -> None:
    small = make()
    small.recommender.recommend = None  # what no input can do
    async with served(small.gateway) as server, httpx.AsyncClient(base_url=server.http) as client:
        body = problem(await client.get("/recommend", params={"url1": URL1}), 500)
    assert "NoneType" not in body["detail"]
    assert "failed" in caplog.text


async def test_openapi_shows_answers_problems_and_examples(client) -> None:
    schema = (await client.get("/openapi.json")).json()
    assert (await client.get("/docs")).status_code == 200
    get = schema["paths"]["/recommend"]["get"]
    assert get["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("AnswerBody")
    assert "application/problem+json" in get["responses"]["422"]["content"]
    assert next(p for p in get["parameters"] if p["name"] == "url1")["schema"]["examples"]
    assert "HTTPValidationError" not in schema["components"]["schemas"]
    assert "RecommendRequest" in schema["components"]["schemas"]
