"""Brave Search: one web query per call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from recall.qprime.engines.provider import Call, Reply, WebHit

URL = "https://api.search.brave.com/res/v1/web/search"
_MOST_HITS = 20
_MOST_WORDS = 50


@dataclass(frozen=True, slots=True)
class Brave:
    """Brave's web search; it returns no scores."""

    key: SecretStr
    source: str = URL
    name: str = "brave"
    queries_a_call: int = 1

    def call(self, queries: Sequence[str], limit: int) -> Call:
        """Return the request for one query; operators such as `site:` are searched as words."""
        parameters = {
            "q": " ".join(queries[0].split()[:_MOST_WORDS]),
            "count": str(min(limit, _MOST_HITS)),
            "result_filter": "web",
            "operators": "false",
            "text_decorations": "false",
        }
        headers = {"accept": "application/json", "x-subscription-token": self.key.get_secret_value()}
        return Call("GET", self.source, headers, parameters)

    def replies(self, body: Any, queries: int) -> list[Reply]:
        """Read the hits; an answer without hits has no `web` object."""
        if "web" not in body and body["type"] == "search":
            return [[]]
        return [[WebHit(hit.get("url")) for hit in body["web"]["results"]]]
