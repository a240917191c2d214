"""gRPC: the same answers; the deadline of the call goes along."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from onward_client.errors import (
    DeadlineExceeded,
    FieldError,
    GatewayFailed,
    InvalidRequest,
    NotInstalled,
    OnwardError,
    Unavailable,
    error_of,
)
from onward_client.models import Answer, Event, EventResult, answer_of, event_result_of
from onward_client.transport import Call

try:
    import grpc  # type: ignore[import-untyped]

    from onward_client.pb import recommender_pb2 as pb
except ImportError as error:
    raise NotInstalled(f"gRPC needs more packages ({error}): pip install 'onward-client[grpc]'") from error

_SERVICE = "/onward.v1.Recommender/"
_PROBLEM = "onward-problem-bin"
_LONGEST_PUSHBACK_MS = 2**31
_OPTIONS = [
    ("grpc.lb_policy_name", "round_robin"),  # a retry asks another replica, where the name has several addresses
    ("grpc.initial_reconnect_backoff_ms", 50),  # by default a channel does not even try again for a second
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.max_receive_message_length", -1),  # the gateway bounds its answers
]
_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: 422,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.UNIMPLEMENTED: 404,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNAVAILABLE: 503,
}


class Grpc:
    """Calls of one gateway over gRPC, on a channel that is kept."""

    def __init__(self, target: str, tls: bool, api_key: str | None, ca_file: str | Path | None) -> None:
        self._metadata = [] if api_key is None else [("x-api-key", api_key)]
        if tls:
            authority = None if ca_file is None else Path(ca_file).read_bytes()
            credentials = grpc.ssl_channel_credentials(authority)
            self._channel = grpc.aio.secure_channel(target, credentials, options=_OPTIONS)
        else:
            self._channel = grpc.aio.insecure_channel(target, options=_OPTIONS)

    async def recommend(self, request: Mapping[str, Any], call: Call) -> Answer:
        """Ask for one page."""
        return _answer(await self._send("Recommend", _request(request), pb.RecommendResponse, call))

    async def batch(self, requests: Sequence[Mapping[str, Any]], call: Call) -> list[Answer | OnwardError]:
        """Ask for several pages."""
        message = pb.RecommendBatchRequest(requests=[_request(request) for request in requests])
        response = await self._send("RecommendBatch", message, pb.RecommendBatchResponse, call)
        return [
            _answer(each.answer) if each.HasField("answer") else _error(each.problem, call.request_id)
            for each in response.results
        ]

    async def record(self, events: Sequence[Event], call: Call) -> list[EventResult]:
        """Send events."""
        message = pb.RecordRequest(events=[_message(pb.Event, asdict(event)) for event in events])
        response = await self._send("Record", message, pb.RecordResponse, call)
        return [event_result_of(_optional(each, ("reason",)) | _field_error(each)) for each in response.results]

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()

    async def _send(self, method: str, message: Any, kind: Any, call: Call) -> Any:
        send = self._channel.unary_unary(_SERVICE + method, kind.SerializeToString, kind.FromString)
        metadata = [*self._metadata, ("x-request-id", call.request_id)]
        try:
            return await send(message, timeout=call.left_s, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            raise _of_call(error, call.request_id) from error


def _of_call(error: Any, request_id: str) -> OnwardError:
    """Return the error of a failed call: the gateway's problem where it sent one."""
    trailing = dict(error.trailing_metadata() or ())
    request_id = trailing.get("x-request-id", request_id)
    retry_after = _pushback(trailing.get("grpc-retry-pushback-ms"))
    if sent := trailing.get(_PROBLEM):
        return _error(pb.Problem.FromString(sent), request_id, retry_after)
    code, detail = error.code(), str(error.details())
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineExceeded("there is no answer before the deadline: allow more time", request_id=request_id)
    if code is grpc.StatusCode.UNAVAILABLE and retry_after is None:
        return Unavailable(f"the gateway cannot be reached: {detail}", request_id=request_id)
    if (status := _STATUS.get(code)) is None:
        return GatewayFailed(f"{code.name}: {detail}", status=500, request_id=request_id)
    return error_of(status, {"detail": detail}, request_id, retry_after)


def _pushback(sent: str | None) -> float | None:
    """Return the seconds after which the gateway wants to be asked again; None where it does not say."""
    if sent is None or not sent.isdigit() or int(sent) > _LONGEST_PUSHBACK_MS:
        return None
    return int(sent) / 1e3


def _error(problem: Any, request_id: str, retry_after: float | None = None) -> OnwardError:
    errors = [{"field": each.field, "problem": each.problem, "fix": each.fix} for each in problem.errors]
    body = {"type": problem.type, "title": problem.title, "detail": problem.detail, "errors": errors}
    return error_of(problem.status, body, request_id, retry_after)


def _request(fields: Mapping[str, Any]) -> Any:
    return _message(pb.RecommendRequest, fields)


def _message(kind: Any, fields: Mapping[str, Any]) -> Any:
    """Return a message with these fields; one that no message can hold is named. Raises InvalidRequest."""
    message = kind()
    for name, value in fields.items():
        try:
            message.MergeFrom(kind(**{name: value}))
        except (TypeError, ValueError) as error:
            wrong = FieldError(name, f"it cannot be sent ({error})", "send a field and a type of the API")
            raise InvalidRequest(
                f"{name}: {wrong.problem}", status=422, kind="invalid-request", errors=(wrong,)
            ) from None
    return message


def _answer(message: Any) -> Answer:
    body = _optional(message, ("answer_id",))
    body["recommendations"] = [_recommendation(each) for each in message.recommendations]
    body["explain"] = json.loads(message.explain) if message.HasField("explain") else None
    return answer_of(body)


def _recommendation(message: Any) -> dict[str, Any]:
    found = [{"path": each.path, "rank": each.rank} for each in message.recalled_by]
    return _optional(message, ("score", "click", "quality")) | {"recalled_by": found}


def _field_error(result: Any) -> dict[str, Any]:
    error = result.error
    sent = result.HasField("error")
    return {"error": {"field": error.field, "problem": error.problem, "fix": error.fix} if sent else None}


def _optional(message: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the fields of a message as in JSON; the named ones are None where they were not sent."""
    plain = {field.name: getattr(message, field.name) for field in message.DESCRIPTOR.fields}
    return plain | {name: plain[name] if message.HasField(name) else None for name in names}
