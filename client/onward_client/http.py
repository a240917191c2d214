"""HTTP: the gateway's JSON API."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx

from onward_client.errors import FieldError, GatewayFailed, InvalidRequest, OnwardError, Unavailable, error_of
from onward_client.models import Answer, Event, EventResult, answer_of, event_body, event_result_of
from onward_client.transport import Call, with_budget

T = TypeVar("T")
_GATEWAY_BUDGET_MS = 100.0  # of a gateway that was not told otherwise
_IN_URL = {"url1", "k", "explain"}  # what GET takes; `unit` may be personal, and URLs are logged
_LONGEST_URL = 2_000  # characters
_REQUEST_ID = "x-request-id"


class Http:
    """Calls of one gateway over HTTP, on connections that are kept."""

    def __init__(self, url: str, api_key: str | None, ca_file: str | Path | None) -> None:
        headers = {} if api_key is None else {"authorization": f"Bearer {api_key}"}
        verify: ssl.SSLContext | bool = True if ca_file is None else ssl.create_default_context(cafile=str(ca_file))
        # the whole call has a deadline: httpx counts each of its steps anew
        self._client = httpx.AsyncClient(base_url=url, headers=headers, verify=verify, timeout=None)  # noqa: S113

    async def recommend(self, request: Mapping[str, Any], call: Call) -> Answer:
        """Ask for one page: by GET, which caches answer, where GET takes the fields."""
        body = with_budget(request, call, _GATEWAY_BUDGET_MS)
        if body.keys() <= _IN_URL and len(str(body["url1"])) <= _LONGEST_URL:
            return _read(await self._send("GET", "/recommend", call, params=body), answer_of, call)
        return _read(await self._send("POST", "/recommend", call, json=body), answer_of, call)

    async def batch(self, requests: Sequence[Mapping[str, Any]], call: Call) -> list[Answer | OnwardError]:
        """Ask for several pages."""
        body = {"requests": [with_budget(request, call, _GATEWAY_BUDGET_MS) for request in requests]}
        return _read(
            await self._send("POST", "/recommend/batch", call, json=body), lambda sent: results_of(sent, call), call
        )

    async def record(self, events: Sequence[Event], call: Call) -> list[EventResult]:
        """Send events."""
        body = {"events": [event_body(event) for event in events]}
        return _read(await self._send("POST", "/events", call, json=body), event_results_of, call)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _send(self, method: str, path: str, call: Call, **content: Any) -> Any:
        """Return the JSON of the response."""
        try:
            request = self._client.build_request(method, path, headers={_REQUEST_ID: call.request_id}, **content)
        except (TypeError, ValueError) as error:  # such as NaN, or text that is not Unicode
            wrong = FieldError("request", f"it cannot be sent ({error})", "send fields and types of the API")
            raise InvalidRequest(wrong.problem, status=422, kind="invalid-request", errors=(wrong,)) from None
        try:
            response = await self._client.send(request)
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise Unavailable(f"the gateway cannot be reached: {reason}", request_id=call.request_id) from error
        except httpx.DecodingError as error:
            raise GatewayFailed(f"what answered cannot be read: {error}", request_id=call.request_id) from error
        try:
            body = response.json()
        except ValueError:
            body = None
        if response.status_code == 200:
            return body
        request_id = response.headers.get(_REQUEST_ID, call.request_id)
        problem = body if isinstance(body, dict) else {}
        raise error_of(response.status_code, problem, request_id, _retry_after(response.headers.get("retry-after")))


def results_of(body: Any, call: Call) -> list[Answer | OnwardError]:
    """Return the answers and errors of a batch in JSON."""
    return [
        answer_of(each["answer"])
        if "answer" in each
        else error_of(each["problem"]["status"], each["problem"], call.request_id)
        for each in body["results"]
    ]


def event_results_of(body: Any) -> list[EventResult]:
    """Return the results of events in JSON."""
    return [event_result_of(each) for each in body["results"]]


def _read(body: Any, reader: Callable[[Any], T], call: Call) -> T:
    """Read a response. Raises GatewayFailed where it is not what a gateway sends."""
    try:
        return reader(body)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise GatewayFailed("what answered is no Onward gateway: check the URL", request_id=call.request_id) from error


def _retry_after(sent: str | None) -> float | None:
    """Return the seconds of a Retry-After, which may be a date; None where there is none."""
    if sent is None:
        return None
    try:
        return max(
            0.0, float(sent) if sent.strip().isdigit() else parsedate_to_datetime(sent).timestamp() - time.time()
        )
    except (ValueError, OverflowError):
        return None
