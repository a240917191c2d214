"""The gRPC service: the same answers as over HTTP, field by field, from the same recommender."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import grpc  # type: ignore[import-untyped]
import orjson
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]

from service.admission.refusal import Refusal
from service.answers.answer import Answer
from service.answers.batch import recommend_each
from service.answers.request import MAX_BATCH, Request
from service.answers.resolve import ClientError, FieldError
from service.api import problems
from service.api.events import of_message
from service.api.fields import read_request
from service.api.request_id import HEADER, request_id
from service.events.recorder import Result
from service.gateway import Gateway
from service.pb import recommender_pb2 as pb

log = logging.getLogger(__name__)

NAME: str = pb.DESCRIPTOR.services_by_name["Recommender"].full_name
_STATUS = {
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    413: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,  # clients would retry UNAVAILABLE at once
    503: grpc.StatusCode.UNAVAILABLE,
}
_PROBLEM = "onward-problem-bin"  # the key of a failed call's problem in its trailing metadata
_MOST_ERRORS = 5  # in one status
_RESERVED = 0.1  # of the time until the caller's deadline, for sending the answer
_UNREADABLE = ClientError([FieldError("request", "it is not a valid message", "send text fields in UTF-8")])

Method = Callable[["Call", Any], Awaitable[Message]]


class Call:
    """One call: its request ID, API key, start and deadline."""

    def __init__(self, context: Any) -> None:
        metadata = dict(context.invocation_metadata() or ())
        self.request_id = request_id(metadata.get(HEADER))
        self.keys = metadata.get("authorization"), metadata.get("x-api-key")
        self._started = time.perf_counter()
        self._left_s: float | None = context.time_remaining()

    def seconds(self) -> float:
        """Return the seconds since the call began."""
        return time.perf_counter() - self._started

    @property
    def until(self) -> float:
        """By when, on the monotonic clock, a batch must be answered; infinity without a deadline."""
        if self._left_s is None:
            return math.inf
        return time.monotonic() - self.seconds() + self._left_s * (1 - _RESERVED)

    def within_deadline(self, request: Request, budget_ms: float) -> Request:
        """Return the request with the caller's deadline as its budget, where that is shorter."""
        if self._left_s is None:
            return request
        left_ms = max(1.0, self._left_s * 1e3 * (1 - _RESERVED))
        return replace(request, budget_ms=left_ms) if left_ms < (request.budget_ms or budget_ms) else request


class Service:
    """The methods of onward.v1.Recommender."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._last_call = -math.inf
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def drain_s(self) -> float:
        """Return the seconds until every open connection has reached its maximum age; 0 without recent calls.

        Calls on connections that are open when the server stops fail; a connection that ends by age loses none.
        """
        age_s = self._gateway.settings.server.max_grpc_connection_s
        return age_s if time.monotonic() - self._last_call <= age_s else 0.0

    async def idle(self) -> None:
        """Wait until no call is in flight."""
        await self._idle.wait()

    @contextmanager
    def _tracked(self) -> Iterator[None]:
        self._in_flight += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._in_flight -= 1
            if self._in_flight == 0:
                self._idle.set()

    def handlers(self) -> Any:
        """Return the methods as gRPC serves them."""
        methods = {
            "Recommend": self._method("Recommend", self.recommend, pb.RecommendRequest),
            "RecommendBatch": self._method("RecommendBatch", self.recommend_batch, pb.RecommendBatchRequest),
        }
        if self._gateway.recorder is not None:
            methods["Record"] = self._method("Record", self.record, pb.RecordRequest)
        return grpc.method_handlers_generic_handler(NAME, methods)

    async def recommend(self, call: Call, message: pb.RecommendRequest) -> pb.RecommendResponse:
        """Answer one request. Raises ClientError."""
        request = call.within_deadline(read_request(_plain(message)), self._gateway.settings.budget_ms)
        if request.explain:
            self._gateway.authorizer.explain(*call.keys)
        return _response(await self._gateway.recommender.recommend(request), call)

    async def recommend_batch(self, call: Call, message: pb.RecommendBatchRequest) -> pb.RecommendBatchResponse:
        """Answer at most 100 requests, each with its own answer or its own problem. Raises ClientError.

        Requests for which the caller's deadline leaves no time get a problem; the others are answered.
        """
        if not 1 <= len(message.requests) <= MAX_BATCH:
            problem = f"there are {len(message.requests)} requests"
            raise ClientError([FieldError("requests", problem, f"send 1 to {MAX_BATCH} requests")])
        requests: list[Request | ClientError] = []
        for part in message.requests:
            try:
                requests.append(read_request(_plain(part), in_batch=True))
            except ClientError as error:
                requests.append(error)
        concurrency = self._gateway.settings.server.batch_concurrency
        results = await recommend_each(self._gateway.recommender, requests, concurrency, call.until)
        return pb.RecommendBatchResponse(results=[_result(result, call) for result in results])

    async def record(self, call: Call, message: pb.RecordRequest) -> pb.RecordResponse:
        """Record events. Raises TooManyEvents and NotKept."""
        recorder = self._gateway.recorder
        assert recorder is not None  # noqa: S101 -- without one there is no such method
        results = await recorder.record([of_message(event) for event in message.events])
        return pb.RecordResponse(results=[_event_result(result) for result in results])

    def _method(self, name: str, method: Method, request_type: type[Message]) -> Any:
        async def handle(request: Message | None, context: Any) -> Message:
            call = Call(context)
            self._last_call = time.monotonic()
            context.set_trailing_metadata(((HEADER, call.request_id),))
            status = grpc.StatusCode.CANCELLED
            try:
                if not isinstance(request, request_type):
                    raise _UNREADABLE
                caller = self._gateway.authorizer.caller(*call.keys)
                await self._gateway.authorizer.count(caller, _size(request), _size(request))
                response = await method(call, request)
                status = grpc.StatusCode.OK
                return response
            except ClientError as error:
                status, detail = grpc.StatusCode.INVALID_ARGUMENT, _detail(error)
                context.set_trailing_metadata(((HEADER, call.request_id), _in_metadata(error)))
            except Refusal as refusal:
                status, detail = _STATUS[refusal.status], refusal.detail
                trailing = (HEADER, call.request_id), _in_metadata(refusal), *_pushback(refusal)
                context.set_trailing_metadata(trailing)
            except Exception:
                log.exception("request %s failed", call.request_id)
                status, detail = grpc.StatusCode.INTERNAL, problems.INTERNAL.detail
            finally:
                metrics = self._gateway.metrics
                metrics.requests.labels("grpc", name, status.name).inc()
                metrics.latency.labels("grpc", name).observe(call.seconds())
            await context.abort(status, detail)
            raise AssertionError("abort does not return")

        async def tracked(request: Message | None, context: Any) -> Message:
            with self._tracked():
                return await handle(request, context)

        return grpc.unary_unary_rpc_method_handler(
            tracked, request_deserializer=_reader(request_type), response_serializer=_written
        )


def _reader(kind: type[Message]) -> Callable[[bytes], Any]:
    """Read a message; gRPC itself would answer a broken one with INTERNAL instead of INVALID_ARGUMENT."""

    def read(data: bytes) -> Any:
        try:
            return kind.FromString(data)
        except DecodeError:
            return _UNREADABLE

    return read


def _written(message: Message) -> bytes:
    return bytes(message.SerializeToString())


def _plain(message: pb.RecommendRequest) -> dict[str, Any]:
    """Return the fields that were sent, as in JSON."""
    fields = {field.name: value for field, value in message.ListFields()}
    return {**fields, "url1": message.url1, "exclude": list(message.exclude), "history": list(message.history)}


def _detail(error: ClientError) -> str:
    return "; ".join(f"{each.field}: {each.problem}: {each.fix}" for each in error.errors[:_MOST_ERRORS])


def _response(answer: Answer, call: Call) -> pb.RecommendResponse:
    contents = answer.read()
    return pb.RecommendResponse(
        url1=contents.url1,
        recommendations=[
            pb.Recommendation(
                url=page.url,
                title=page.title,
                snippet=page.snippet,
                score=page.score,
                click=page.click,
                quality=page.quality,
                recalled_by=[pb.RecalledBy(path=found.path, rank=found.rank) for found in page.recalled_by],
            )
            for page in contents.recommendations
        ],
        degraded=answer.degraded,
        bundle=contents.bundle,
        served_by=answer.served_by,
        answer_id=contents.answer_id,
        request_id=call.request_id,
        took_ms=round(call.seconds() * 1e3, 3),
        explain=None if contents.explain is None else orjson.dumps(contents.explain).decode(),
    )


def _size(request: Any) -> int:
    return len(request.requests) if isinstance(request, pb.RecommendBatchRequest) else 1


def _pushback(refusal: Refusal) -> list[tuple[str, str]]:
    """Return the metadata that tells gRPC clients when to retry."""
    return [] if refusal.retry_s is None else [("grpc-retry-pushback-ms", str(refusal.retry_s * 1000))]


def _event_result(result: Result) -> pb.EventResult:
    sent = pb.EventResult(event_id=result.event_id, status=result.status)
    if (why := result.why) is not None:
        field = why.field.rpartition(".")[2]  # the message has no nested fields
        sent.reason, sent.error.field, sent.error.problem, sent.error.fix = why.reason, field, why.problem, why.fix
    return sent


def _result(result: Answer | ClientError | Refusal, call: Call) -> pb.RecommendBatchResult:
    if isinstance(result, Answer):
        return pb.RecommendBatchResult(answer=_response(result, call))
    return pb.RecommendBatchResult(problem=_problem(result))


def _problem(error: ClientError | Refusal, most: int | None = None) -> pb.Problem:
    problem = problems.of_error(error)
    return pb.Problem(
        type=problems.type_of(problem),
        title=problem.title,
        status=problem.status,
        detail=problem.detail,
        errors=[pb.FieldError(field=each.field, problem=each.problem, fix=each.fix) for each in problem.errors[:most]],
    )


def _in_metadata(error: ClientError | Refusal) -> tuple[str, bytes]:
    """Return the problem for the trailing metadata, which clients take only some kilobytes of."""
    return _PROBLEM, _problem(error, most=_MOST_ERRORS).SerializeToString()
