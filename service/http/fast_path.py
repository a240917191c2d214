"""The fast path: GET /recommend without FastAPI, which alone takes longer than a cached answer.

It serves cached answers, and refuses requests that could not be answered in time, so that overload costs little.
"""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Receive, Scope, Send

from service.admission.refusal import Overloaded
from service.answers.answer import Answer
from service.answers.asked import Asked
from service.answers.recommender import Recommender
from service.http import problems
from service.http.caching import HttpCaching
from service.http.middleware import REQUEST_ID, STARTED
from service.http.recent_queries import RecentQueries

_JSON = (b"content-type", b"application/json")


class FastPath:
    """Serves fresh cached answers and refuses as admission would; the routes do everything else, errors too."""

    def __init__(self, app: ASGIApp, recommender: Recommender, caching: HttpCaching, queries: RecentQueries) -> None:
        self._app, self._recommender, self._caching, self._queries = app, recommender, caching, queries

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/recommend" and scope["method"] == "GET":
            asked = self._asked(scope)
            try:
                answer = None if asked is None else self._recommender.cached_answer(asked)
            except Overloaded as refusal:
                response = problems.error_response(refusal, scope[REQUEST_ID])
                return await response(scope, receive, send)
            if asked is not None and answer is not None:
                return await self._send(scope, answer, asked.request.unit, send)
        await self._app(scope, receive, send)

    def _asked(self, scope: Scope) -> Asked | None:
        """Return what a request asks; None where only the route can answer."""
        if any(name == b"if-none-match" for name, _ in scope["headers"]):
            return None
        return self._queries.read(scope["query_string"])

    async def _send(self, scope: Scope, answer: Answer, unit: str, send: Send) -> None:
        body = answer.json(scope[REQUEST_ID], (time.perf_counter() - scope[STARTED]) * 1e3)
        headers = [*self._caching.headers(answer, unit), _JSON, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
