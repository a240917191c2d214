"""In process: the gateway itself, without a server. The one module that imports it, when a bundle is opened."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onward_client.errors import InvalidRequest, NotInstalled, OnwardError, error_of
from onward_client.models import Answer, Event, EventResult, answer_of, event_body, event_result_of
from onward_client.transport import Call, Transport, with_budget

if TYPE_CHECKING:
    from service.gateway import Gateway


async def open_bundles(bundles: Path, config: Path | None, settings: Sequence[str]) -> Transport:
    """Open the current bundle and warm it up; it follows new ones. Raises NotInstalled, and what the gateway does."""
    try:
        from service.bootstrap import load
        from service.settings import read_settings
    except ImportError as error:
        raise NotInstalled(f"answering in process needs the gateway ({error}): pip install onward") from error
    gateway = await asyncio.to_thread(load, bundles, read_settings(config, settings))
    try:
        await gateway.warm_up()
    except BaseException:
        await gateway.close()
        raise
    return InProcess(gateway)


class InProcess:
    """Calls of a gateway in this process: checked, limited and recorded as over HTTP, without API keys."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def recommend(self, request: Mapping[str, Any], call: Call) -> Answer:
        """Ask for one page."""
        from service.admission.refusal import Refusal
        from service.answers.resolve import ClientError
        from service.api.fields import read_request

        started = time.perf_counter()
        try:
            asked = read_request(with_budget(request, call, self._gateway.settings.budget_ms))
            if asked.explain:
                self._gateway.authorizer.explain(None, None)
            return _read(await self._gateway.recommender.recommend(asked), call, started)
        except (ClientError, Refusal) as error:
            raise _of(error, call) from None

    async def batch(self, requests: Sequence[Mapping[str, Any]], call: Call) -> list[Answer | OnwardError]:
        """Ask for several pages."""
        from service.answers.batch import recommend_each
        from service.answers.request import MAX_BATCH
        from service.answers.resolve import ClientError, FieldError
        from service.api.fields import read_request

        started = time.perf_counter()
        if not 1 <= len(requests) <= MAX_BATCH:
            wrong = FieldError("requests", f"there are {len(requests)} requests", f"send 1 to {MAX_BATCH} requests")
            raise _of(ClientError([wrong]), call)
        asked: list[Any] = []
        for request in requests:
            try:
                asked.append(read_request(request, in_batch=True))
            except ClientError as error:
                asked.append(error)
        until = time.monotonic() + call.budget_ms / 1e3
        at_once = self._gateway.settings.server.batch_concurrency
        results = await recommend_each(self._gateway.recommender, asked, at_once, until)
        return [_of(each, call) if isinstance(each, Exception) else _read(each, call, started) for each in results]

    async def record(self, events: Sequence[Event], call: Call) -> list[EventResult]:
        """Record events, where `feedback.enabled` is set."""
        from service.admission.refusal import Refusal

        recorder = self._gateway.recorder
        if recorder is None:
            fix = "give settings=['feedback.enabled=true']"
            raise InvalidRequest(f"events are not recorded: {fix}", status=404, request_id=call.request_id)
        try:
            results = await recorder.record([event_body(event) for event in events])
        except Refusal as error:
            raise _of(error, call) from None
        return [event_result_of(_plain(each)) for each in results]

    async def close(self) -> None:
        """Close the bundle."""
        await self._gateway.close()


def _read(answer: Any, call: Call, started: float) -> Answer:
    return answer_of(json.loads(answer.json(call.request_id, (time.perf_counter() - started) * 1e3)))


def _of(error: Any, call: Call) -> OnwardError:
    """Return the gateway's error as the client's."""
    from service.api.problems import of_error, type_of

    problem = of_error(error)
    errors = [{"field": each.field, "problem": each.problem, "fix": each.fix} for each in problem.errors]
    body = {"type": type_of(problem), "title": problem.title, "detail": problem.detail, "errors": errors}
    return error_of(problem.status, body, call.request_id, getattr(error, "retry_s", None))


def _plain(result: Any) -> dict[str, Any]:
    why = result.why
    reason = (
        {}
        if why is None
        else {"reason": why.reason, "error": {n: getattr(why, n) for n in ("field", "problem", "fix")}}
    )
    return {"event_id": result.event_id, "status": result.status, **reason}
