"""The fast path: GET /recommend without FastAPI, which alone takes longer than a cached answer.

`FastPath` reads the request, serves cached answers, and refuses what could not be answered in time, so that overload
costs little; `ComputedAnswers`, where a caller that leaves ends the work, computes the others.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from service.admission.refusal import Overloaded, Refusal
from service.answers.answer import Answer
from service.answers.asked import Asked
from service.answers.recommender import Recommender
from service.answers.resolve import ClientError
from service.http import problems
from service.http.caching import HttpCaching
from service.http.middleware import REQUEST_ID, STARTED
from service.http.recent_queries import RecentQueries

_JSON = (b"content-type", b"application/json")
_ASKED = "onward.asked"  # of the scope: what the fast path has read


class FastPath:
    """Serves fresh cached answers and refuses as admission would; what it cannot read is left to the route."""

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
                return await _send(scope, answer, self._caching.headers(answer, asked.request.unit), send)
            scope[_ASKED] = asked
        await self._app(scope, receive, send)

    def _asked(self, scope: Scope) -> Asked | None:
        """Return what a request asks; None where only the route can answer."""
        if any(name == b"if-none-match" for name, _ in scope["headers"]):
            return None
        return self._queries.read(scope["query_string"])


class ComputedAnswers:
    """Computes the answers of requests that the fast path has read, as the route would; passes on everything else."""

    def __init__(self, app: ASGIApp, recommender: Recommender, caching: HttpCaching) -> None:
        self._app, self._recommender, self._caching = app, recommender, caching

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked: Asked | None = scope.get(_ASKED)
        if asked is None:
            return await self._app(scope, receive, send)
        try:
            answer = await self._recommender.recommend(asked.request)
        except (ClientError, Refusal) as error:
            return await problems.error_response(error, scope[REQUEST_ID])(scope, receive, send)
        except Exception:  # the route fails too, and answers with the problem of a bug
            return await self._app(scope, receive, send)
        await _send(scope, answer, self._caching.headers(answer, asked.request.unit), send)


async def _send(scope: Scope, answer: Answer, headers: Iterable[tuple[bytes, bytes]], send: Send) -> None:
    body = answer.json(scope[REQUEST_ID], (time.perf_counter() - scope[STARTED]) * 1e3)
    all_headers = [*headers, _JSON, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": all_headers})
    await send({"type": "http.response.body", "body": body})
