"""The HTTP side: routes over the one recommender, problems for everything that cannot be answered."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from service import problems
from service.answer import Answer, Ask
from service.asking import ClientError
from service.at_once import AtOnce
from service.door import CALLER, Doorkeeper
from service.edge import REQUEST_ID, STARTED, BodyLimit, Edge
from service.gateway import Gateway
from service.gone import EndsWithCaller
from service.health import add_health
from service.http_caching import HttpCaching, matches
from service.recommender import recommend_each
from service.refusal import Refusal
from service.schema import (
    AnswerBody,
    BatchAnswer,
    BatchRequest,
    ProblemBody,
    RecommendQuery,
    RecommendRequest,
    field_errors,
    read_ask,
)

_JSON = "application/json"
_PROBLEM = {"model": ProblemBody, "content": {problems.MEDIA_TYPE: {}}}
_REFUSED: dict[int | str, dict[str, Any]] = {
    400: {**_PROBLEM, "description": "The body is not JSON"},
    401: {**_PROBLEM, "description": "A key is needed, where the gateway asks for keys"},
    413: {**_PROBLEM, "description": "The body is too large"},
    422: {**_PROBLEM, "description": "A field is missing or cannot be used; `errors` names each"},
    429: {
        **_PROBLEM,
        "description": "Too much is asked; `Retry-After` says when to ask again",
    },
}

_GET_REFUSED: dict[int | str, dict[str, Any]] = {
    304: {"description": "The caller has this answer: its `ETag` was in `If-None-Match`"},
    **{status: _REFUSED[status] for status in (401, 422, 429)},
}


def make_app(gateway: Gateway) -> FastAPI:
    """Return the HTTP application of one gateway."""
    app = FastAPI(
        title="Onward",
        summary="Web pages worth reading next",
        version="1",
        redirect_slashes=False,
        redoc_url=None,
        exception_handlers=HANDLERS,
    )
    caching = HttpCaching(gateway.settings, keys=gateway.door.closed)
    _add_recommend(app, gateway, caching)
    add_health(app, gateway)
    routes = [*app.openapi()["paths"], "/docs", "/openapi.json"]
    app.add_middleware(EndsWithCaller)
    app.add_middleware(BodyLimit, limit=gateway.settings.server.max_body_kb * 1024)
    app.add_middleware(AtOnce, recommender=gateway.recommender, caching=caching)
    app.add_middleware(Doorkeeper, door=gateway.door)
    app.add_middleware(Edge, metrics=gateway.metrics, routes=routes, leaving=lambda: gateway.leaving)
    return app


def _add_recommend(app: FastAPI, gateway: Gateway, caching: HttpCaching) -> None:
    recommender = gateway.recommender

    @app.get("/recommend", response_model=AnswerBody, responses=_GET_REFUSED, tags=["recommend"])
    async def recommend(request: Request, query: Annotated[RecommendQuery, Query()]) -> Response:
        """At most k pages worth reading after `url1`, best first."""
        answer = await recommender.recommend(query.ask())
        headers = caching.headers(answer)
        if matches(request.headers.get("if-none-match"), answer):
            return Response(status_code=304, headers=headers)
        return Response(_answer_json(request, answer), headers=headers, media_type=_JSON)

    @app.post("/recommend", response_model=AnswerBody, responses=_REFUSED, tags=["recommend"])
    async def recommend_with_text(request: Request, body: RecommendRequest) -> Response:
        """The same, with the words of a page that may not be known, pages to leave out, and weights."""
        return Response(_answer_json(request, await recommender.recommend(body.ask())), media_type=_JSON)

    @app.post("/recommend/batch", response_model=BatchAnswer, responses=_REFUSED, tags=["recommend"])
    async def recommend_batch(request: Request, body: BatchRequest) -> Response:
        """At most 100 requests; each gets its own answer or its own problem, in order."""
        asks = [_ask_or_error(value) for value in body.requests]
        await gateway.door.spend(request.scope[CALLER], len(asks) - 1)  # one was counted at the door
        results = await recommend_each(recommender, asks, gateway.settings.server.batch_concurrency)
        parts = b",".join(_result_json(request, result) for result in results)
        return Response(b'{"results":[%b]}' % parts, media_type=_JSON)


def _ask_or_error(value: Any) -> Ask | ClientError:
    try:
        return read_ask(value)
    except ClientError as error:
        return error


def _answer_json(request: Request, answer: Answer) -> bytes:
    scope = request.scope
    return answer.json(scope[REQUEST_ID], (time.perf_counter() - scope[STARTED]) * 1e3)


def _result_json(request: Request, result: Answer | ClientError | Refusal) -> bytes:
    if not isinstance(result, Answer):
        return b'{"problem":%b}' % problems.of_error(result).json(request.scope[REQUEST_ID])
    return b'{"answer":%b}' % _answer_json(request, result)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 -- FastAPI's signature is wider than its calls
    return problems.invalid(field_errors(error.errors())).response(request.scope[REQUEST_ID])


async def _on_client_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ClientError)  # noqa: S101
    return problems.of_error(error).response(request.scope[REQUEST_ID])


async def _on_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101
    return problems.of_error(error).response(request.scope[REQUEST_ID], error.headers)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    return problems.of_status(error.status_code).response(request.scope[REQUEST_ID], error.headers)


#: What answers an error of any route, as a problem.
HANDLERS: dict[int | type[Exception], Any] = {
    RequestValidationError: _on_invalid,
    ClientError: _on_client_error,
    Refusal: _on_refusal,
    HTTPException: _on_http_error,
}
