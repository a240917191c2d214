"""Calls a search provider: rate limited, within the daily budget, with retries; failures have short fixed reasons."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import orjson
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from recall.qprime.engines.endpoint import SearchEndpoint
from recall.qprime.engines.provider import BROKEN_PROMISES, MALFORMED, Call, Provider, Reply
from recall.qprime.engines.rate_limit import RateLimiter
from recall.qprime.engines.store import SearchStore

SPENT, LIMITED, SLOW, LOST = "daily budget reached", "rate limited (429)", "timed out", "no connection"
TOO_LONG = "answer too long"
AWAY = "provider unavailable: too many failed calls in a row"

LONGEST_WAIT = 60.0  # seconds of a Retry-After; if longer, the queries fail and are retried by the next run
MOST_BYTES = 16 * 2**20  # of a response
UNANSWERED_IN_A_ROW = 10  # calls, each with all its retries, before the rest of a search fails

# Statuses that every further call would get too, so calling stops. Besides 401 to 404 these are Tavily's, for an
# exhausted plan.
_HOPELESS = frozenset({401, 402, 403, 404, 432, 433})
_TRY_AGAIN = frozenset({408, 429, *range(500, 600)})
_BACKOFF = wait_exponential_jitter(multiplier=0.5, max=30.0)


class Unanswered(Exception):
    """A failed call."""

    def __init__(self, reason: str, again: bool = False, waits: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again = again  # a retry may succeed
        self.waits = waits  # the provider set the time of the retry; the rate limit waits for it


class Caller:
    """Calls one provider. What it learns (a wrong key, a Retry-After) applies to all later calls."""

    def __init__(self, provider: Provider, endpoint: SearchEndpoint) -> None:
        self.calls = 0  # including retries
        self.retried: Counter[str] = Counter()  # calls that were retried, by reason
        self._provider, self._endpoint = provider, endpoint
        self._rate_limiter = RateLimiter(endpoint.per_second)
        self._hopeless: str | None = None
        self._in_a_row = 0

    def begin(self) -> None:
        """Start a search: an unavailable provider may be available again."""
        self._in_a_row = 0

    async def ask(
        self, client: httpx.AsyncClient, store: SearchStore, queries: Sequence[str], limit: int
    ) -> list[Reply]:
        """Return one reply per query. Raises Unanswered."""
        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, Unanswered) and error.again),
            stop=stop_after_attempt(self._endpoint.retries + 1),
            wait=_backoff,
            before_sleep=self._count_retry,
            reraise=True,
        )
        try:
            body: bytes = await retrying(self._try, client, store, self._provider.call(queries, limit))
        except Unanswered as unanswered:
            self._in_a_row += unanswered.again
            raise
        self._in_a_row = 0
        return self._read(body, len(queries))

    def refusal(self, status: int) -> Unanswered:
        """Return the error for a status other than 200, and remember it if it is permanent."""
        reason = LIMITED if status == 429 else f"call refused ({status})"
        if status in _HOPELESS or status < 400:  # below 400: a redirect, which would send the key elsewhere
            self._hopeless = reason
        return Unanswered(reason, again=status in _TRY_AGAIN)

    async def _try(self, client: httpx.AsyncClient, store: SearchStore, call: Call) -> bytes:
        self._check(store)  # before waiting, too: a call that cannot succeed fails at once
        await self._rate_limiter.wait()
        self._check(store)
        if not store.take_call(self._provider.name, self._endpoint.per_day):
            raise Unanswered(SPENT)
        self.calls += 1
        try:
            async with asyncio.timeout(self._endpoint.timeout_s):
                return await self._send(client, call)
        except TimeoutError:
            raise Unanswered(SLOW, again=True) from None
        except httpx.HTTPError:
            raise Unanswered(LOST, again=True) from None

    async def _send(self, client: httpx.AsyncClient, call: Call) -> bytes:
        headers, parameters = dict(call.headers), dict(call.parameters) or None
        body = bytearray()
        async with client.stream(
            call.method, call.url, headers=headers, params=parameters, content=call.content or None
        ) as response:
            if response.status_code != 200:
                raise self._refused(response)
            async for part in response.aiter_bytes():
                body += part
                if len(body) > MOST_BYTES:
                    raise Unanswered(TOO_LONG)
        return bytes(body)

    def _check(self, store: SearchStore) -> None:
        if self._hopeless is not None:
            raise Unanswered(self._hopeless)
        if self._in_a_row >= UNANSWERED_IN_A_ROW:
            raise Unanswered(AWAY)
        if self._rate_limiter.held() > LONGEST_WAIT:
            raise Unanswered(LIMITED)
        if store.calls(self._provider.name) >= self._endpoint.per_day:
            raise Unanswered(SPENT)

    def _refused(self, response: httpx.Response) -> Unanswered:
        refusal = self.refusal(response.status_code)
        wait = _retry_after(response.headers.get("retry-after", "")) if refusal.again else None
        if wait is not None:
            refusal.waits = True
            self._rate_limiter.hold(wait)
        return refusal

    def _read(self, body: bytes, queries: int) -> list[Reply]:
        try:
            replies = self._provider.replies(orjson.loads(body), queries)
        except BROKEN_PROMISES:
            raise Unanswered(MALFORMED) from None
        if len(replies) != queries:
            raise Unanswered(MALFORMED)
        return replies

    def _count_retry(self, state: RetryCallState) -> None:
        self.retried[_error(state).reason] += 1


def _error(state: RetryCallState) -> Any:
    return state.outcome.exception() if state.outcome else None


def _backoff(state: RetryCallState) -> float:
    return 0.0 if _error(state).waits else _BACKOFF(state)


def _retry_after(text: str) -> float | None:
    """Return the seconds of a Retry-After header, which is a number or a date; None if it is neither."""
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):  # not a date, or one without a time zone
            return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None
