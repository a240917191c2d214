"""The fast path: GET /recommend without FastAPI, which alone takes longer than a cached answer.

It serves cached answers, and refuses requests that could not be answered in time, so that overload costs little.
"""

from __future__ import annotations

import time
from urllib.parse import parse_qsl

from pydantic import ValidationError
from starlette.types import ASGIApp, Receive, Scope, Send

from service.admission.refusal import Overloaded
from service.answers.answer import Answer
from service.answers.recommender import Recommender
from service.answers.request import Request
from service.api.fields import RecommendQuery
from service.http import problems
from service.http.caching import HttpCaching
from service.http.middleware import REQUEST_ID, STARTED

_JSON = (b"content-type", b"application/json")


class FastPath:
    """Serves fresh cached answers and refuses as admission would; the routes do everything else, errors too."""

    def __init__(self, app: ASGIApp, recommender: Recommender, caching: HttpCaching) -> None:
        self._app, self._recommender, self._caching = app, recommender, caching

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/recommend" and scope["method"] == "GET":
            try:
                request = _request(scope)
                answer = None if request is None else self._recommender.cached_answer(request)
            except Overloaded as refusal:
                response = problems.error_response(refusal, scope[REQUEST_ID])
                return await response(scope, receive, send)
            if request is not None and answer is not None:
                return await self._answer(scope, answer, request.unit, send)
        await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, answer: Answer, unit: str, send: Send) -> None:
        body = answer.json(scope[REQUEST_ID], (time.perf_counter() - scope[STARTED]) * 1e3)
        caching = self._caching.headers(answer, unit).items()
        headers = [(name.lower().encode(), value.encode()) for name, value in caching]
        headers += [_JSON, (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _request(scope: Scope) -> Request | None:
    """Return the request as the route would read it; None where only the route can answer."""
    if any(name == b"if-none-match" for name, _ in scope["headers"]):
        return None
    try:
        query = RecommendQuery.model_validate(  # the last of repeated parameters wins, as in Starlette
            dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        )
    except ValidationError:
        return None
    return None if query.explain else query.request()
