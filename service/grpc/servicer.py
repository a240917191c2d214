"""The gRPC side: the same answers as HTTP, field by field, from the one recommender."""

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
from service.gateway import Gateway
from service.http import problems
from service.http.middleware import request_id
from service.http.schema import read_request
from service.pb import recommender_pb2 as pb

log = logging.getLogger(__name__)

NAME: str = pb.DESCRIPTOR.services_by_name["Recommender"].full_name
_STATUS = {
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,  # UNAVAILABLE is retried
}
_REPLY = 0.1  # of what is left until the caller's deadline is kept for sending the answer
_UNREADABLE = ClientError([FieldError("request", "it is no valid message", "send text fields in UTF-8")])

Method = Callable[["Call", Any], Awaitable[Message]]


class Call:
    """One call: its id, its clock and the caller's deadline."""

    def __init__(self, context: Any) -> None:
        metadata = dict(context.invocation_metadata() or ())
        self.request_id = request_id(metadata.get("x-request-id"))
        self.keys = metadata.get("authorization"), metadata.get("x-api-key")
        self._started = time.perf_counter()
        self._left_s: float | None = context.time_remaining()

    def seconds(self) -> float:
        """Return the seconds since the call began."""
        return time.perf_counter() - self._started

    @property
    def until(self) -> float:
        """When, on the monotonic clock, the parts of a batch must be there; infinity without a deadline."""
        if self._left_s is None:
            return math.inf
        return time.monotonic() - self.seconds() + self._left_s * (1 - _REPLY)

    def within_deadline(self, request: Request, budget_ms: float) -> Request:
        """Return the request with the caller's deadline as its budget, where that is shorter."""
        if self._left_s is None:
            return request
        left_ms = max(1.0, self._left_s * 1e3 * (1 - _REPLY))
        return replace(request, budget_ms=left_ms) if left_ms < (request.budget_ms or budget_ms) else request


class Service:
    """The methods of onward.v1.Recommender."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._called = -math.inf  # when, last
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def moving_s(self) -> float:
        """Return the seconds until no connection of now is left: gRPC's core fails calls of those there are at a stop.

        A connection's age ends it without harm, so nothing but that time is needed; none where nobody calls.
        """
        moves_s = self._gateway.settings.server.grpc_moves_s
        return moves_s if time.monotonic() - self._called <= moves_s else 0.0

    async def idle(self) -> None:
        """Wait until no call is under way."""
        await self._idle.wait()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._under_way += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if self._under_way == 0:
                self._idle.set()

    def handlers(self) -> Any:
        """Return the methods as gRPC serves them."""
        methods = {
            "Recommend": self._method("Recommend", self.recommend, pb.RecommendRequest),
            "RecommendBatch": self._method("RecommendBatch", self.recommend_batch, pb.RecommendBatchRequest),
        }
        return grpc.method_handlers_generic_handler(NAME, methods)

    async def recommend(self, call: Call, message: pb.RecommendRequest) -> pb.RecommendResponse:
        """Answer one request. Raises ClientError."""
        request = call.within_deadline(read_request(_plain(message)), self._gateway.settings.budget_ms)
        if request.explain:
            self._gateway.authorizer.explain(*call.keys)
        return _response(await self._gateway.recommender.recommend(request), call)

    async def recommend_batch(self, call: Call, message: pb.RecommendBatchRequest) -> pb.RecommendBatchResponse:
        """Answer at most 100 requests, each with its own answer or its own problem. Raises ClientError.

        What the caller's deadline leaves no time for has a problem that says so: the rest is worth having.
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

    def _method(self, name: str, method: Method, request_type: type[Message]) -> Any:
        async def handle(request: Message | None, context: Any) -> Message:
            call = Call(context)
            self._called = time.monotonic()
            context.set_trailing_metadata((("x-request-id", call.request_id),))
            status = grpc.StatusCode.CANCELLED
            try:
                if not isinstance(request, request_type):
                    raise _UNREADABLE
                caller = self._gateway.authorizer.caller(*call.keys)
                await self._gateway.authorizer.spend(caller, _parts(request), _parts(request))
                response = await method(call, request)
                status = grpc.StatusCode.OK
                return response
            except ClientError as error:
                status, detail = grpc.StatusCode.INVALID_ARGUMENT, _detail(error)
            except Refusal as refusal:
                status, detail = _STATUS[refusal.status], refusal.detail
                context.set_trailing_metadata((("x-request-id", call.request_id), *_pushback(refusal)))
            except Exception:
                log.exception("request %s failed", call.request_id)
                status, detail = grpc.StatusCode.INTERNAL, problems.INTERNAL.detail
            finally:
                metrics = self._gateway.metrics
                metrics.requests.labels("grpc", name, status.name).inc()
                metrics.latency.labels("grpc", name).observe(call.seconds())
            await context.abort(status, detail)
            raise AssertionError("abort does not return")

        async def counted(request: Message | None, context: Any) -> Message:
            with self._counted():
                return await handle(request, context)

        return grpc.unary_unary_rpc_method_handler(
            counted, request_deserializer=_reader(request_type), response_serializer=_written
        )


def _reader(kind: type[Message]) -> Callable[[bytes], Any]:
    """Read a message; gRPC would answer a broken one with INTERNAL, and it is the caller's to mend."""

    def read(data: bytes) -> Any:
        try:
            return kind.FromString(data)
        except DecodeError:
            return _UNREADABLE

    return read


def _written(message: Message) -> bytes:
    return bytes(message.SerializeToString())


def _plain(request: pb.RecommendRequest) -> dict[str, Any]:
    """Return the fields that were sent, as they stand in JSON."""
    fields = {field.name: value for field, value in request.ListFields()}
    return {**fields, "url1": request.url1, "exclude": list(request.exclude)}


def _detail(error: ClientError) -> str:
    return "; ".join(f"{each.field}: {each.problem}: {each.fix}" for each in error.errors[:5])


def _response(answer: Answer, call: Call) -> pb.RecommendResponse:
    said = answer.read()
    return pb.RecommendResponse(
        url1=said.url1,
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
            for page in said.recommendations
        ],
        degraded=answer.degraded,
        bundle=said.bundle,
        request_id=call.request_id,
        took_ms=round(call.seconds() * 1e3, 3),
        explain=None if said.explain is None else orjson.dumps(said.explain).decode(),
    )


def _parts(request: Any) -> int:
    return len(request.requests) if isinstance(request, pb.RecommendBatchRequest) else 1


def _pushback(refusal: Refusal) -> list[tuple[str, str]]:
    """Return the metadata by which a client that retries knows how long to wait, in milliseconds."""
    return [] if refusal.retry_s is None else [("grpc-retry-pushback-ms", str(refusal.retry_s * 1000))]


def _result(result: Answer | ClientError | Refusal, call: Call) -> pb.RecommendBatchResult:
    if isinstance(result, Answer):
        return pb.RecommendBatchResult(answer=_response(result, call))
    problem = problems.of_error(result)
    errors = [pb.FieldError(field=each.field, problem=each.problem, fix=each.fix) for each in problem.errors]
    return pb.RecommendBatchResult(
        problem=pb.Problem(title=problem.title, status=problem.status, detail=problem.detail, errors=errors)
    )
