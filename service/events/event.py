"""One event as clients send it: User Behavior Insights 1.3, with `event_id`, `answer_id` and `dwell_s` of our own.

Fields that UBI has and we do not use (`user_id`, `session_id`, `message`, …) are read over and never stored.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from configs import plain_words

_DAY_S = 86_400.0

#: How to fix a field, by its last name.
_FIX = {
    "event_id": "send an ID that the client makes, such as a UUID: 8 to 64 letters, digits or . _ : -",
    "action_name": "send impression, click or dwell",
    "query_id": "send the client-made ID of the impression, at most 100 characters",
    "timestamp": "send ISO 8601, such as 2026-11-26T09:00:00Z",
    "client_id": "send text of at most 100 characters, or leave it out",
    "event_attributes": "send an object with answer_id, and for clicks and dwell position",
    "answer_id": "send the answer_id of the answer that was shown",
    "position": 'send {"ordinal": 1} for the first page of the list',
    "ordinal": "send the page's place in the list; 1 is the first",
    "object": "send an object with object_id, or leave it out",
    "object_id": "send the URL of the page at that position, or leave it out",
    "dwell_s": "send the seconds that the reader stayed on the page, 0 to 86400",
}
_OTHER_FIX = "send an event of User Behavior Insights 1.3"


class Rejection(ValueError):
    """Why an event is not recorded; `reason` is the name that metrics and `onward events rejected` count by."""

    def __init__(self, reason: str, field: str, problem: str, fix: str) -> None:
        super().__init__(f"{reason}: {field}: {problem}: {fix}")
        self.reason, self.field, self.problem, self.fix = reason, field, problem, fix


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Position(_Part):
    """Where the page stood in the list."""

    ordinal: int


class Object(_Part):
    """The page that was clicked, for a check of the position."""

    object_id: Annotated[str, Field(max_length=4096)] | int


class Attributes(_Part):
    """What the event is about."""

    answer_id: str
    position: Position | None = None
    object: Object | None = None
    dwell_s: Annotated[float | None, Field(ge=0, le=_DAY_S)] = None


class Event(_Part):
    """An event whose fields are well-formed; whether it can be credited is another question."""

    event_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{8,64}$")]
    action_name: Literal["impression", "click", "dwell"]
    query_id: Annotated[str, Field(min_length=1, max_length=100)]
    timestamp: datetime
    client_id: Annotated[str | None, Field(max_length=100)] = None
    event_attributes: Attributes

    @property
    def time(self) -> float:
        """The client's time in seconds since 1970."""
        time = self.timestamp
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()

    @property
    def ordinal(self) -> int | None:
        """The place in the list; 1 is the first."""
        return None if self.event_attributes.position is None else self.event_attributes.position.ordinal


_validate = TypeAdapter(Event).validator.validate_python  # half the time of Event.model_validate


def read_event(value: Any) -> Event:
    """Check the fields of one event. Raises Rejection (`invalid`), which names the first bad field."""
    try:
        event: Event = _validate(value)
    except ValidationError as error:
        raise _invalid(error) from None
    if event.action_name == "impression":
        return event
    if event.ordinal is None:
        raise _missing(event, "event_attributes.position", "position")
    if event.action_name == "dwell" and event.event_attributes.dwell_s is None:
        raise _missing(event, "event_attributes.dwell_s", "dwell_s")
    return event


def _missing(event: Event, field: str, name: str) -> Rejection:
    return Rejection("invalid", field, f"it is missing from a {event.action_name}", _FIX[name])


def _invalid(error: ValidationError) -> Rejection:
    first = error.errors(include_url=False, include_input=False)[0]
    names = [str(part) for part in first["loc"] if part in _FIX]  # pydantic adds the names of types
    field = ".".join(names) or "event"
    return Rejection("invalid", field, plain_words.problem(first), _FIX.get(names[-1] if names else "", _OTHER_FIX))
