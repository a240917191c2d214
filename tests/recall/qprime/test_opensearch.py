from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

import orjson
import pytest
from search_endpoint import KEY, Refusal, Server, search_response

from corpus.urls.url import page_id


def responses(*each: dict[str, Any]) -> Refusal:
    return Refusal(200, orjson.dumps({"took": 1, "responses": each}))


GOOD = search_response([("https://a.example/fox", 3.5)])
REJECTED = {"error": {"type": "es_rejected_execution_exception", "reason": f"no, {KEY}"}, "status": 429}
MISSING = {"error": {"type": "index_not_found_exception", "reason": "no such index"}, "status": 404}


def test_many_queries_share_one_call(server: Server, tmp_path: Path) -> None:
    engine = server.engine("opensearch", tmp_path)
    queries = [f"fox-{n}" for n in range(70)]
    found = engine.search(queries, 10)
    assert [hits is not None and hits.pages[0] for hits in found] == [
        page_id(f"https://a.example/{q}") for q in queries
    ]
    assert sorted(len(asked.queries) for asked in server.asked) == [6, 32, 32]
    assert (engine.calls, engine.asked) == (3, 70)


def test_a_query_searches_the_configured_fields_for_its_words(server: Server, tmp_path: Path) -> None:
    engine = server.engine("opensearch", tmp_path, index="web pages", fields="name^3, summary")
    engine.search(['title:fox AND "*'], 7)
    asked = server.asked[0]
    assert asked.path == "/web%20pages/_msearch"
    assert asked.headers["content-type"] == "application/x-ndjson"
    assert asked.body == [
        {},
        {
            "size": 7,
            "_source": ["url"],
            "track_total_hits": False,
            "query": {
                "multi_match": {"query": 'title:fox AND "*', "fields": ["name^3", "summary"], "type": "most_fields"}
            },
        },
    ]


@pytest.mark.parametrize(
    ("failed", "reason"),
    [
        (REJECTED, "rate limited (429)"),
        ({**GOOD, "timed_out": True}, "search incomplete"),
        ({**GOOD, "_shards": {"total": 2, "successful": 1, "failed": 1}}, "search incomplete"),
        ({"error": {}, "status": "bad"}, "malformed response"),
        ({"error": {}, "status": 200}, "malformed response"),
        ({"status": 200}, "malformed response"),
    ],
)
def test_a_failed_search_does_not_affect_the_others_of_its_call(
    server: Server, tmp_path: Path, failed: dict[str, Any], reason: str
) -> None:
    server.refuse = lambda asked: responses(GOOD, failed, GOOD)
    engine = server.engine("opensearch", tmp_path)
    one, two, three = engine.search(["fox", "hare", "owl"], 10)
    assert one is not None
    assert two is None
    assert three is not None
    assert engine.failures == {reason: 1}
    server.asked.clear()
    server.refuse = lambda asked: None
    assert None not in engine.search(["fox", "hare", "owl"], 10)
    assert server.queries() == ["hare"]  # what failed was not kept, what was found was


def test_a_missing_index_stops_all_further_calls(server: Server, tmp_path: Path) -> None:
    server.refuse = lambda asked: responses(*[MISSING] * len(asked.queries))
    engine = server.engine("opensearch", tmp_path, concurrency=1)
    assert engine.search([f"fox-{n}" for n in range(40)], 10) == [None] * 40
    assert engine.failures == {"call refused (404)": 40}
    assert len(server.asked) == 1


def test_an_answer_with_too_few_responses_is_counted(server: Server, tmp_path: Path) -> None:
    server.refuse = lambda asked: responses(GOOD)
    engine = server.engine("opensearch", tmp_path)
    assert engine.search(["fox", "hare"], 10) == [None, None]
    assert engine.failures == {"malformed response": 2}


def test_document_ids_may_be_urls(server: Server, tmp_path: Path) -> None:
    server.refuse = lambda asked: responses(
        {**GOOD, "hits": {"hits": [{"_id": "https://b.example/", "_score": 2.0}, {"_id": "7", "_score": 1.0}]}}
    )
    engine = server.engine("opensearch", tmp_path, url_field="_id")
    (found,) = engine.search(["fox"], 10)
    assert found is not None
    assert found.pages.tolist() == [page_id("https://b.example/")]
    assert sum(engine.dropped.values()) == 1
    assert server.asked[0].body[1]["_source"] is False


def test_documents_without_the_url_field_are_dropped(server: Server, tmp_path: Path) -> None:
    engine = server.engine("opensearch", tmp_path, url_field="address")
    (found,) = engine.search(["fox"], 10)
    assert found is not None
    assert len(found.pages) == 0
    assert sum(engine.dropped.values()) == 2


@pytest.mark.parametrize(
    ("secrets", "header"),
    [
        ({"key": KEY}, f"ApiKey {KEY}"),
        ({"key": "", "user": "ann", "password": "pässword"}, f"Basic {b64encode('ann:pässword'.encode()).decode()}"),
        ({"key": ""}, None),
    ],
)
def test_a_cluster_is_called_with_a_key_a_password_or_neither(
    server: Server, tmp_path: Path, secrets: dict[str, str], header: str | None
) -> None:
    server.engine("opensearch", tmp_path, **secrets).search(["fox"], 10)
    assert server.asked[0].headers.get("authorization") == header
