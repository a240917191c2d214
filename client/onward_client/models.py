"""What the gateway answers, and the events that it takes. Fields that a newer gateway adds are read over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import uuid4

from onward_client.errors import FieldError


@dataclass(frozen=True, slots=True)
class RecalledBy:
    """A recall path that found a page, and the page's rank in that path; 1 is the best."""

    path: str
    rank: int


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One page worth reading next; numbers are None where no model gave one."""

    url: str
    title: str
    snippet: str
    score: float | None
    click: float | None
    quality: float | None
    recalled_by: tuple[RecalledBy, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The pages worth reading after `url1`, best first.

    `degraded` says what was missing (empty: nothing); `answer_id` is what events name, with feedback; `explanation` is
    the JSON object `explain` of the API, of `explain()` alone.
    """

    url1: str
    recommendations: tuple[Recommendation, ...]
    degraded: tuple[str, ...]
    bundle: str
    served_by: str
    request_id: str
    took_ms: float
    answer_id: str | None = None
    explanation: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """What a reader saw or did. An event has its ID from the start: sent twice, it counts once.

    `query_id` is the same for one list shown, and for its clicks and dwell times; `ordinal` is the page's place, 1 is
    the first; `timestamp` is ISO 8601.
    """

    action_name: Literal["impression", "click", "dwell"]
    answer_id: str
    query_id: str
    ordinal: int | None = None
    object_id: str | None = None
    dwell_s: float | None = None
    client_id: str | None = None
    timestamp: str = field(default_factory=lambda: datetime.now(UTC).isoformat())
    event_id: str = field(default_factory=lambda: str(uuid4()))


@dataclass(frozen=True, slots=True)
class EventResult:
    """What became of one event: `accepted`, `duplicate`, or `rejected` with a reason."""

    event_id: str
    status: str
    reason: str | None = None
    error: FieldError | None = None


def answer_of(body: Mapping[str, Any]) -> Answer:
    """Return the answer of a JSON object. Raises KeyError, TypeError and ValueError where it is none."""
    return Answer(
        url1=body["url1"],
        recommendations=tuple(map(_recommendation, body["recommendations"])),
        degraded=tuple(body["degraded"]),
        bundle=body["bundle"],
        served_by=body["served_by"],
        request_id=body["request_id"],
        took_ms=float(body["took_ms"]),
        answer_id=body.get("answer_id"),
        explanation=body.get("explain"),
    )


def _recommendation(body: Mapping[str, Any]) -> Recommendation:
    return Recommendation(
        url=body["url"],
        title=body["title"],
        snippet=body["snippet"],
        score=body["score"],
        click=body["click"],
        quality=body["quality"],
        recalled_by=tuple(RecalledBy(each["path"], each["rank"]) for each in body["recalled_by"]),
    )


def event_body(event: Event) -> dict[str, Any]:
    """Return an event in the form of User Behavior Insights, as HTTP takes it."""
    about: dict[str, Any] = {"answer_id": event.answer_id, "dwell_s": event.dwell_s}
    about["position"] = None if event.ordinal is None else {"ordinal": event.ordinal}
    about["object"] = None if event.object_id is None else {"object_id": event.object_id}
    body = {name: getattr(event, name) for name in ("event_id", "action_name", "query_id", "timestamp", "client_id")}
    return {**_sent(body), "event_attributes": _sent(about)}


def event_result_of(body: Mapping[str, Any]) -> EventResult:
    """Return the result of one event; its field is named as in `Event`."""
    error = body.get("error")
    if error is not None:
        error = FieldError(error["field"].rpartition(".")[2], error["problem"], error["fix"])
    return EventResult(body["event_id"], body["status"], body.get("reason"), error)


def _sent(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}
