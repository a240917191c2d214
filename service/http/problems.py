"""Errors as RFC 9457 problems: what was wrong, where, and how to mend it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import orjson
from fastapi.responses import Response

from service.admission.refusal import Refusal
from service.answers.resolve import ClientError, FieldError

MEDIA_TYPE = "application/problem+json"

#: The headers of the last answer on a connection.
CLOSE = {"Connection": "close"}


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem, before it is known which request it belongs to."""

    status: int
    kind: str
    title: str
    detail: str
    errors: tuple[FieldError, ...] = ()

    def json(self, request_id: str) -> bytes:
        """Return the problem as a JSON object."""
        return orjson.dumps(
            {
                "type": f"urn:onward:problem:{self.kind}",
                "title": self.title,
                "status": self.status,
                "detail": self.detail,
                "instance": f"urn:onward:request:{request_id}",
                "errors": self.errors,
            }
        )

    def response(self, request_id: str, headers: Mapping[str, str] | None = None) -> Response:
        """Return the problem as an HTTP response."""
        return Response(self.json(request_id), self.status, headers, media_type=MEDIA_TYPE)

    def whole(self, request_id: str) -> bytes:
        """Return the problem as all the bytes of an HTTP response, the last one on its connection."""
        response = self.response(request_id, {"X-Request-Id": request_id, "Cache-Control": "no-store", **CLOSE})
        head = b"".join(b"%b: %b\r\n" % pair for pair in response.raw_headers)
        line = f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\n"
        return b"%b%b\r\n%b" % (line.encode(), head, bytes(response.body))


#: What `errors` names when a request could not be read at all.
UNREADABLE_PARTS = ("body", "Content-Type")


def invalid(errors: Sequence[FieldError]) -> Problem:
    """Return the problem of a request with bad fields: 422, or 400 when the body is no JSON at all."""
    detail = "; ".join(f"{error.field}: {error.problem}" for error in errors[:5])
    status = 400 if any(error.field in UNREADABLE_PARTS for error in errors) else 422
    return Problem(status, "invalid-request", "The request cannot be answered as it stands", detail, tuple(errors))


def of_error(error: ClientError | Refusal) -> Problem:
    """Return the problem of a request that the recommender did not answer."""
    if isinstance(error, Refusal):
        return Problem(error.status, error.kind, error.title, error.detail)
    return invalid(error.errors)


def of_status(status: int) -> Problem:
    """Return the problem of a plain HTTP error."""
    fixes = {
        400: "The request could not be read: send valid JSON in UTF-8 with the type application/json.",
        404: "Nothing is served under this path: /docs lists what is.",
        405: "The path does not take this method: the Allow header lists those that it takes.",
    }
    title = HTTPStatus(status).phrase
    return Problem(status, title.lower().replace(" ", "-"), title, fixes.get(status, title))


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
    detail = f"The URL is longer than {limit_kb} kB: send what is long in the body of a POST."
    return Problem(414, "url-too-long", "The URL is too long", detail)


def too_slow(limit_s: float) -> Problem:
    """Return the problem of a request that did not arrive within `limit_s`."""
    detail = f"The request did not arrive within {limit_s:g} seconds: send it at once."
    return Problem(408, "too-slow", "The request came too slowly", detail)


UNREADABLE = Problem(400, "bad-request", "Bad Request", "This is no HTTP request: send HTTP/1.1.")
CROWDED = Problem(503, "crowded", "Too many connections", "No more connections are taken: ask another replica.")
NOT_READY = Problem(
    503, "not-ready", "The gateway is not ready", "It is starting or shutting down: ask another replica."
)
INTERNAL = Problem(500, "internal", "The gateway failed", "The failure is in its log under this request id.")
