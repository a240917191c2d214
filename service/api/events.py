"""Batches of events as HTTP and gRPC send them."""

from __future__ import annotations

from typing import Any

import orjson
from google.protobuf.message import Message  # type: ignore[import-untyped]

from service.answers.resolve import ClientError, FieldError

_FIX = 'send {"events": […]}'


def read_batch(body: bytes) -> list[Any]:
    """Return the events of a JSON body, each still unchecked. Raises ClientError."""
    try:
        sent = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ClientError([FieldError("body", "the body is not JSON", "send valid JSON in UTF-8")]) from None
    if not isinstance(sent, dict):
        raise ClientError([FieldError("events", "the body is not an object", _FIX)])
    if unknown := next((name for name in sent if name != "events"), None):
        raise ClientError([FieldError(unknown[:100], "it is not a field of this request", _FIX)])
    if not isinstance(sent.get("events"), list):
        raise ClientError([FieldError("events", "it is missing or no list", _FIX)])
    return list(sent["events"])


def of_message(event: Message) -> dict[str, Any]:
    """Return an event of gRPC in the form of JSON."""
    sent = {field.name: value for field, value in event.ListFields()}
    about = {name: sent[name] for name in ("answer_id", "dwell_s") if name in sent}
    about |= {"position": {"ordinal": sent["ordinal"]}} if "ordinal" in sent else {}
    about |= {"object": {"object_id": sent["object_id"]}} if "object_id" in sent else {}
    names = ("event_id", "action_name", "query_id", "timestamp", "client_id")
    return {**{name: sent[name] for name in names if name in sent}, "event_attributes": about}
