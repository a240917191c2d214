"""Problems as HTTP responses, and those that only HTTP has."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import orjson
from fastapi.responses import Response

from service.admission.refusal import Refusal
from service.answers.resolve import ClientError
from service.api.problems import Problem, of_error, type_of

MEDIA_TYPE = "application/problem+json"

#: The headers of the last response on a connection.
CLOSE = {"Connection": "close"}

NOT_HTTP = Problem(400, "bad-request", "Bad Request", "This is not an HTTP request: send HTTP/1.1.")
TOO_MANY_CONNECTIONS = Problem(
    503, "crowded", "Too many connections", "This replica takes no more connections: ask another one."
)
NOT_READY = Problem(
    503, "not-ready", "The gateway is not ready", "It is starting or shutting down: ask another replica."
)
NO_EVENTS = Problem(
    404, "no-events", "Events are not recorded", "Start the gateway with feedback.enabled=true to record them."
)
_FIXES = {
    400: "The request could not be read: send valid JSON in UTF-8 with the type application/json.",
    404: "Nothing is served under this path: /docs lists the paths.",
    405: "The path does not support this method: the Allow header lists the supported ones.",
}


def json(problem: Problem, request_id: str) -> bytes:
    """Return the problem as a JSON object."""
    return orjson.dumps(
        {
            "type": type_of(problem),
            "title": problem.title,
            "status": problem.status,
            "detail": problem.detail,
            "instance": f"urn:onward:request:{request_id}",
            "errors": problem.errors,
        }
    )


def response(problem: Problem, request_id: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return the problem as a response."""
    return Response(json(problem, request_id), problem.status, headers, media_type=MEDIA_TYPE)


def error_response(error: ClientError | Refusal, request_id: str) -> Response:
    """Return the problem of a request that was not answered as a response."""
    return response(of_error(error), request_id, error.headers if isinstance(error, Refusal) else None)


def last_response(problem: Problem, request_id: str) -> bytes:
    """Return the problem as the bytes of a response after which the connection is closed."""
    sent = response(problem, request_id, {"X-Request-Id": request_id, "Cache-Control": "no-store", **CLOSE})
    headers = b"".join(b"%b: %b\r\n" % pair for pair in sent.raw_headers)
    line = f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\n"
    return b"%b%b\r\n%b" % (line.encode(), headers, bytes(sent.body))


def of_status(status: int) -> Problem:
    """Return the problem of an HTTP status without more to say."""
    title = HTTPStatus(status).phrase
    return Problem(status, title.lower().replace(" ", "-"), title, _FIXES.get(status, title))


def too_large(limit: int) -> Problem:
    """Return the problem of a body beyond `limit` bytes."""
    detail = f"The body is larger than {limit} bytes: send fewer requests or shorter texts."
    return Problem(413, "body-too-large", "The body is too large", detail)


def head_too_large(limit_kb: int) -> Problem:
    """Return the problem of headers beyond `limit_kb`."""
    detail = f"Request line and headers are larger than {limit_kb} kB: send fewer or shorter headers."
    return Problem(431, "head-too-large", "The headers are too large", detail)


def url_too_long(limit_kb: int) -> Problem:
    """Return the problem of a URL beyond `limit_kb`."""
    detail = f"The URL is longer than {limit_kb} kB: send long values in the body of a POST."
    return Problem(414, "url-too-long", "The URL is too long", detail)


def too_slow(limit_s: float) -> Problem:
    """Return the problem of a request that did not arrive within `limit_s`."""
    detail = f"The request did not arrive within {limit_s:g} seconds: send it without pauses."
    return Problem(408, "too-slow", "The request arrived too slowly", detail)
