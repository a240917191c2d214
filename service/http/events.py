"""POST /events: what readers saw and did, in batches; also as `navigator.sendBeacon` sends it.

It is answered without FastAPI, which alone takes longer than to record an event.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, Field
from starlette.types import ASGIApp, Receive, Scope, Send

from service.admission.refusal import Refusal
from service.answers.resolve import ClientError
from service.api.events import read_batch
from service.events.recorder import Recorder, Result
from service.http import problems
from service.http.middleware import REQUEST_ID
from service.http.schema import PROBLEM

EVENTS = "/events"
_JSON = "application/json"
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_REFUSED: dict[int | str, dict[str, Any]] = {
    400: {**PROBLEM, "description": "The body is not JSON"},
    401: {**PROBLEM, "description": "The gateway requires an API key, and none that is valid was sent"},
    413: {**PROBLEM, "description": "The body is too large, or has too many events"},
    422: {**PROBLEM, "description": "`events` is missing or no list"},
    429: {**PROBLEM, "description": "Too many requests; `Retry-After` says when to retry"},
    503: {**PROBLEM, "description": "The events could not be kept: send the same ones again"},
}
_EXAMPLE = {
    "events": [
        {
            "event_id": "6f1c2b1e-5b0e-4f0c-9c43-0d8f7e0c1a11",
            "action_name": "click",
            "query_id": "0b9c8d0e-7f1a-4a55-8a0e-2f4f6a1d9b70",
            "timestamp": "2026-11-26T09:00:00Z",
            "event_attributes": {"answer_id": "J_dTkm7V5iq3MyRyd9Tx1A…", "position": {"ordinal": 2}},
        }
    ]
}
_BODY = {
    "required": True,
    "content": {
        _JSON: {
            "schema": {
                "type": "object",
                "required": ["events"],
                "properties": {"events": {"type": "array", "items": {"type": "object"}}},
            },
            "example": _EXAMPLE,
        }
    },
}


class EventError(BaseModel):
    """What is wrong with an event, and how to fix it."""

    field: str
    problem: str
    fix: str


class EventResult(BaseModel):
    """What became of one event."""

    event_id: str
    status: Literal["accepted", "duplicate", "rejected"]
    reason: Annotated[str | None, Field(description="of a rejected event: forged, stale, unknown_position, …")] = None
    error: EventError | None = None


class EventResults(BaseModel):
    """The results of a batch, in the order of its events."""

    results: list[EventResult]


class EventsPath:
    """Records the events of POST /events; passes on everything else. `BodyLimit` is around it."""

    def __init__(self, app: ASGIApp, recorder: Recorder) -> None:
        self._app, self._recorder = app, recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != EVENTS or scope["method"] != "POST":
            return await self._app(scope, receive, send)
        message = await receive()  # the whole body: BodyLimit has read it
        try:
            body = await _recorded(self._recorder, message.get("body", b""))
        except (ClientError, Refusal) as error:
            return await problems.error_response(error, scope[REQUEST_ID])(scope, receive, send)
        headers = [(b"content-length", b"%d" % len(body)), (b"content-type", _JSON.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def add_events(app: FastAPI, recorder: Recorder) -> None:
    """Add POST /events to the routes and their documentation; `EventsPath` answers before it."""

    @app.post(
        EVENTS, response_model=EventResults, responses=_REFUSED, tags=["feedback"], openapi_extra={"requestBody": _BODY}
    )
    async def record(request: Request) -> Response:
        """Events in the form of User Behavior Insights 1.3; accepted ones are on disk. Any content type is read."""
        return Response(await _recorded(recorder, await request.body()), media_type=_JSON)


def add_no_events(app: FastAPI) -> None:
    """Say at /events that none are recorded."""

    @app.api_route(EVENTS, methods=_METHODS, include_in_schema=False)
    async def record(request: Request) -> Response:
        return problems.response(problems.NO_EVENTS, request.scope[REQUEST_ID])


async def _recorded(recorder: Recorder, body: bytes) -> bytes:
    results = await recorder.record(read_batch(body))
    return orjson.dumps({"results": [_plain(each) for each in results]})


def _plain(result: Result) -> dict[str, Any]:
    if result.why is None:
        return {"event_id": result.event_id, "status": result.status}
    why = result.why
    error = {"field": why.field, "problem": why.problem, "fix": why.fix}
    return {"event_id": result.event_id, "status": result.status, "reason": why.reason, "error": error}
