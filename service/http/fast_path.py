"""Answers a GET /recommend before FastAPI sees it where nothing is to be computed: FastAPI alone takes longer.

That is an answer that is kept, and the refusal of one that could not be computed in time: a flood must cost little.
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
from service.http import problems
from service.http.caching import HttpCaching
from service.http.middleware import REQUEST_ID, STARTED
from service.http.schema import RecommendQuery

_JSON = (b"content-type", b"application/json")


class FastPath:
    """Serves what is kept and fresh, and refuses what the gate would; all else, errors too, is left to the routes."""

    def __init__(self, app: ASGIApp, recommender: Recommender, caching: HttpCaching) -> None:
        self._app, self._recommender, self._caching = app, recommender, caching

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/recommend" and scope["method"] == "GET":
            try:
                request = _request(scope)
                answer = None if request is None else self._recommender.cached_answer(request)
            except Overloaded as refusal:
                response = problems.of_error(refusal).response(scope[REQUEST_ID], refusal.headers)
                return await response(scope, receive, send)
            if answer is not None:
                return await self._answer(scope, answer, send)
        await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, answer: Answer, send: Send) -> None:
        body = answer.json(scope[REQUEST_ID], (time.perf_counter() - scope[STARTED]) * 1e3)
        caching = self._caching.headers(answer).items()
        headers = [(name.lower().encode(), value.encode()) for name, value in caching]
        headers += [_JSON, (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _request(scope: Scope) -> Request | None:
    """Return what is asked, read as the route reads it; None where only the route can answer."""
    if any(name == b"if-none-match" for name, _ in scope["headers"]):
        return None
    try:
        query = RecommendQuery.model_validate(  # the last of several values counts, as for Starlette
            dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        )
    except ValidationError:
        return None
    return None if query.explain else query.request()
