"""OpenSearch and Elasticsearch: many queries per call, by the multi-search API of both."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson
from pydantic import SecretStr

from recall.qprime.engines.provider import BROKEN_PROMISES, MALFORMED, Call, Reply, WebHit

ID = "_id"  # the `url_field` of an index whose document IDs are URLs
_INCOMPLETE = "search incomplete"  # some shards failed: retry it, do not store it


@dataclass(frozen=True, slots=True)
class OpenSearch:
    """One index of one cluster."""

    url: str  # of the cluster
    index: str
    fields: tuple[str, ...]  # with boosts, such as title^2
    url_field: str  # at the top of `_source`, or `_id`
    key: SecretStr
    user: str
    password: SecretStr
    name: str = "opensearch"
    queries_a_call: int = 32

    @property
    def source(self) -> str:
        return orjson.dumps([self.url, self.index, self.fields, self.url_field]).decode()

    def call(self, queries: Sequence[str], limit: int) -> Call:
        """Return the multi-search request: per query a header line and a search line of JSON."""
        lines = [line for query in queries for line in (b"{}", orjson.dumps(self._search(query, limit)))]
        headers = {"content-type": "application/x-ndjson", **self._authorization()}
        url = f"{self.url}/{quote(self.index, safe='*,')}/_msearch"
        return Call("POST", url, headers, content=b"\n".join(lines) + b"\n")

    def replies(self, body: Any, queries: int) -> list[Reply]:
        """Read the hits of each query; a failed query does not affect the others."""
        return [self._reply(response) for response in body["responses"]]

    def _search(self, query: str, limit: int) -> dict[str, Any]:
        # A match query treats its text as words, so there is no syntax to inject.
        match = {"query": query, "fields": list(self.fields), "type": "most_fields"}
        source = False if self.url_field == ID else [self.url_field]
        return {"size": limit, "_source": source, "track_total_hits": False, "query": {"multi_match": match}}

    def _reply(self, response: Any) -> Reply:
        try:
            if "error" in response:
                status = int(response["status"])
                return status if 400 <= status < 600 else MALFORMED
            if response["timed_out"] or response["_shards"]["failed"]:
                return _INCOMPLETE
            return [WebHit(self._address(hit), hit["_score"]) for hit in response["hits"]["hits"]]
        except BROKEN_PROMISES:
            return MALFORMED

    def _address(self, hit: Any) -> Any:
        return hit[ID] if self.url_field == ID else hit.get("_source", {}).get(self.url_field)

    def _authorization(self) -> dict[str, str]:
        if key := self.key.get_secret_value():
            return {"authorization": f"ApiKey {key}"}
        if self.user:
            pair = f"{self.user}:{self.password.get_secret_value()}"
            return {"authorization": f"Basic {b64encode(pair.encode()).decode()}"}
        return {}
