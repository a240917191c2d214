"""Tavily: one web query per call, hits with scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import SecretStr

from recall.qprime.engines.provider import Call, Reply, WebHit

URL = "https://api.tavily.com/search"
_MOST_HITS = 20


@dataclass(frozen=True, slots=True)
class Tavily:
    """Tavily's basic search: the cheapest depth, since only URLs are read."""

    key: SecretStr
    source: str = URL
    name: str = "tavily"
    queries_a_call: int = 1

    def call(self, queries: Sequence[str], limit: int) -> Call:
        """Return the request for one query."""
        body = {"query": queries[0], "max_results": min(limit, _MOST_HITS), "search_depth": "basic"}
        headers = {"authorization": f"Bearer {self.key.get_secret_value()}", "content-type": "application/json"}
        return Call("POST", self.source, headers, content=orjson.dumps(body))

    def replies(self, body: Any, queries: int) -> list[Reply]:
        """Read the hits."""
        return [[WebHit(hit.get("url"), hit.get("score")) for hit in body["results"]]]
