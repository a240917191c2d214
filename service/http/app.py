"""The HTTP application: routes over the recommender, and a problem for every request that gets no answer."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Response
from fastapi import Request as HttpRequest
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp

from service.admission.refusal import Refusal
from service.answers.answer import Answer
from service.answers.batch import recommend_each
from service.answers.request import Request
from service.answers.resolve import ClientError, FieldError
from service.api.fields import RecommendQuery, RecommendRequest, field_errors, not_read_in_url, read_request
from service.api.problems import INTERNAL, invalid, of_error
from service.gateway import Gateway
from service.http import problems
from service.http.authorize import CALLER, AuthorizeMiddleware
from service.http.body_limit import BodyLimit
from service.http.caching import HttpCaching, matches
from service.http.cors import Cors, CorsMiddleware
from service.http.disconnect import CancelOnDisconnect
from service.http.docs_page import add_docs
from service.http.events import EVENTS, EventsPath, add_events, add_no_events
from service.http.fast_path import ComputedAnswers, FastPath
from service.http.health import add_health
from service.http.limits import HeaderLimit
from service.http.middleware import REQUEST_ID, STARTED, RequestMiddleware
from service.http.recent_queries import RecentQueries
from service.http.schema import PROBLEM, AnswerBody, BatchAnswer, BatchRequest

_JSON = "application/json"
_REFUSED: dict[int | str, dict[str, Any]] = {
    400: {**PROBLEM, "description": "The body is not JSON"},
    401: {**PROBLEM, "description": "The gateway requires an API key, and none that is valid was sent"},
    403: {**PROBLEM, "description": "`explain` was requested and is not allowed"},
    413: {**PROBLEM, "description": "The body is too large"},
    422: {**PROBLEM, "description": "A field is missing or invalid; `errors` names each"},
    429: {**PROBLEM, "description": "Too many requests; `Retry-After` says when to retry"},
}

_GET_REFUSED: dict[int | str, dict[str, Any]] = {
    304: {"description": "Not modified: `If-None-Match` holds the answer's `ETag`"},
    **{status: _REFUSED[status] for status in (401, 403, 422, 429)},
}


def make_app(gateway: Gateway, *routers: APIRouter, queries: RecentQueries | None = None) -> ASGIApp:
    """Return the HTTP application of one gateway, with the routes of `routers` beside its own.

    `queries` may be shared with the connections.
    """
    app = FastAPI(
        title="Onward",
        summary="Web pages worth reading next",
        version="1",
        redirect_slashes=False,
        strict_content_type=False,  # a body without a Content-Type is read as JSON
        docs_url=None,
        redoc_url=None,
        exception_handlers=HANDLERS,
    )
    caching = HttpCaching(gateway.settings, keys=gateway.authorizer.needs_key)
    _add_recommend(app, gateway, caching)
    add_health(app, gateway)
    if gateway.recorder is None:
        add_no_events(app)
    else:
        add_events(app, gateway.recorder)
    add_docs(app)
    for router in routers:
        app.include_router(router)
    shown = [route.path for router in routers for route in router.routes if isinstance(route, Route)]
    routes = [*app.openapi()["paths"], *shown, "/docs", "/openapi.json"]
    return _guarded(app, gateway, caching, queries or RecentQueries(gateway.live), routes)


def _guarded(
    app: ASGIApp, gateway: Gateway, caching: HttpCaching, queries: RecentQueries, routes: list[str]
) -> ASGIApp:
    """Return the application behind everything that needs no route; the last layer here is the first of a request.

    The layers are around FastAPI, not its middleware: its own layers would come first, also for cached answers.
    """
    limits, metrics = gateway.settings.server, gateway.metrics
    app = CancelOnDisconnect(ComputedAnswers(app, gateway.recommender, caching))
    if gateway.recorder is not None:
        app = EventsPath(app, gateway.recorder)
    app = BodyLimit(app, limits.max_body_kb * 1024, limits.receipt_s, metrics)
    app = FastPath(app, gateway.recommender, caching, queries)
    app = AuthorizeMiddleware(app, gateway.authorizer, [EVENTS] if gateway.settings.feedback.public else ())
    app = HeaderLimit(app, limits, metrics)
    if gateway.settings.cors.origins:
        app = CorsMiddleware(app, Cors(gateway.settings.cors.origins))
    return RequestMiddleware(app, metrics, routes, draining=lambda: gateway.draining)


def _add_recommend(app: FastAPI, gateway: Gateway, caching: HttpCaching) -> None:
    recommender = gateway.recommender

    @app.get("/recommend", response_model=AnswerBody, responses=_GET_REFUSED, tags=["recommend"])
    async def recommend(request: HttpRequest, query: Annotated[RecommendQuery, Query()]) -> Response:
        """At most k pages worth reading after `url1`, best first."""
        _authorize_explain(request, query.explain)
        answer = await recommender.recommend(query.request())
        headers = Headers(raw=caching.headers(answer, query.unit))
        if matches(request.headers.get("if-none-match"), answer):
            return Response(status_code=304, headers=headers)
        return Response(_answer_json(request, answer), headers=headers, media_type=_JSON)

    bodied = [Depends(_no_query_parameters)]

    @app.post("/recommend", response_model=AnswerBody, responses=_REFUSED, tags=["recommend"], dependencies=bodied)
    async def recommend_with_text(request: HttpRequest, body: RecommendRequest) -> Response:
        """The same, with the text of a page that may be unknown, pages to exclude, and weights."""
        _authorize_explain(request, body.explain)
        return Response(_answer_json(request, await recommender.recommend(body.request())), media_type=_JSON)

    @app.post(
        "/recommend/batch", response_model=BatchAnswer, responses=_REFUSED, tags=["recommend"], dependencies=bodied
    )
    async def recommend_batch(request: HttpRequest, body: BatchRequest) -> Response:
        """At most 100 requests; each gets its own answer or its own problem, in order."""
        requests = [_request_or_error(value) for value in body.requests]
        more = len(requests) - 1  # the middleware counted one
        await gateway.authorizer.count(request.scope[CALLER], more, len(requests))
        results = await recommend_each(recommender, requests, gateway.settings.server.batch_concurrency)
        parts = b",".join(_result_json(request, result) for result in results)
        return Response(b'{"results":[%b]}' % parts, media_type=_JSON)

    def _authorize_explain(request: HttpRequest, explain: bool) -> None:
        """Raise Refusal where the caller may not ask for an explanation."""
        if explain:
            gateway.authorizer.explain(request.headers.get("authorization"), request.headers.get("x-api-key"))


def _no_query_parameters(request: HttpRequest) -> None:
    """Refuse parameters that would be ignored. Raises ClientError."""
    if request.query_params:
        raise ClientError([not_read_in_url(name) for name in request.query_params])


def _request_or_error(value: Any) -> Request | ClientError:
    try:
        return read_request(value, in_batch=True)
    except ClientError as error:
        return error


def _answer_json(request: HttpRequest, answer: Answer) -> bytes:
    scope = request.scope
    return answer.json(scope[REQUEST_ID], (time.perf_counter() - scope[STARTED]) * 1e3)


def _result_json(request: HttpRequest, result: Answer | ClientError | Refusal) -> bytes:
    if not isinstance(result, Answer):
        return b'{"problem":%b}' % problems.json(of_error(result), request.scope[REQUEST_ID])
    return b'{"answer":%b}' % _answer_json(request, result)


async def _on_invalid(request: HttpRequest, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 -- FastAPI's signature is wider than its calls
    if any(each["loc"] == ("body",) and isinstance(each.get("input"), bytes) for each in error.errors()):
        errors = [FieldError("Content-Type", "it does not declare JSON", f"send {_JSON}")]
    else:
        errors = field_errors(error.errors())
    return problems.response(invalid(errors), request.scope[REQUEST_ID])


async def _on_no_answer(request: HttpRequest, error: Exception) -> Response:
    assert isinstance(error, ClientError | Refusal)  # noqa: S101
    return problems.error_response(error, request.scope[REQUEST_ID])


async def _on_http_error(request: HttpRequest, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    headers = {"Allow": _methods(request)} if error.status_code == 405 else error.headers
    return problems.response(problems.of_status(error.status_code), request.scope[REQUEST_ID], headers)


async def _on_bug(request: HttpRequest, error: Exception) -> Response:
    return problems.response(INTERNAL, request.scope[REQUEST_ID])  # `RequestMiddleware` logs it


def _methods(request: HttpRequest) -> str:
    """Return the methods of all routes of the path: each route knows only its own."""
    routes = [route for route in request.app.routes if isinstance(route, Route) and route.path == request.url.path]
    methods = {method for route in routes for method in route.methods or ()}
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


#: Handlers that turn the errors of any route into problems.
HANDLERS: dict[int | type[Exception], Any] = {
    RequestValidationError: _on_invalid,
    ClientError: _on_no_answer,
    Refusal: _on_no_answer,
    HTTPException: _on_http_error,
    Exception: _on_bug,
}
