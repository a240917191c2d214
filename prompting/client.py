"""Asks an OpenAI-compatible endpoint: cached, retried, within a spending limit; a failed call is a reason, no crash."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import openai
from openai import AsyncOpenAI

from prompting.answer import Answer, Unanswered
from prompting.cache import AnswerCache, cache_key
from prompting.completion import NOT_UNDERSTOOD, billed, read_answer
from prompting.endpoint import Endpoint
from prompting.parameters import WITHOUT, Parameters, unsupported
from prompting.spending_limit import Spending

_SPENT, _LIMITED, _SLOW, _LOST = "spending limit reached", "rate limited (429)", "timed out", "no connection"

#: Reasons that say nothing of what was asked: another run may well get its answer.
TRY_AGAIN = frozenset(
    {
        _SPENT,
        _LIMITED,
        _SLOW,
        _LOST,
        "call refused (401)",
        "call refused (403)",
        "call refused (404)",
        *WITHOUT.values(),
    }
)

_NO_KEY = "none"  # the library wants one; a server without keys passes over it
_OVERHEAD = 64  # tokens around a prompt: roles and separators

# Errors that the next call will meet as well: asking on would only hammer the endpoint.
_HOPELESS = (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError)

# What comes of a 200 that is no completion: HTML, half a JSON, other types than promised, brackets without end.
_MALFORMED = (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError)

Read = TypeVar("Read")


def as_it_is(answer: Answer) -> Answer:
    """Take any answer for one."""
    return answer


class Client:
    """One endpoint. Use as an async context manager; close the cache yourself."""

    def __init__(self, endpoint: Endpoint, cache: AnswerCache) -> None:
        self._endpoint = endpoint
        self._cache = cache
        self.spending = Spending(endpoint.max_tokens)
        self.from_cache = 0
        self._hopeless: str | None = None
        self._parameters = Parameters()
        self._first = asyncio.Lock()  # the first call goes alone: what the model refuses, it refuses once
        self._openai = AsyncOpenAI(
            api_key=endpoint.key.get_secret_value() or _NO_KEY,
            base_url=endpoint.base_url,
            timeout=endpoint.timeout_s,
            max_retries=endpoint.retries,  # 408, 409, 429, 5xx and lost connections; Retry-After is kept to
        )

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._openai.close()

    @property
    def remarks(self) -> dict[str, int]:
        """What calls were made without, since the model refuses it, and how many."""
        return self._parameters.remarks()

    async def ask(
        self,
        prompt: str,
        logprobs: bool,
        answer_tokens: int,
        read: Callable[[Answer], Read] = as_it_is,  # type: ignore[assignment]
    ) -> Read:
        """Return what `read` makes of the answer to one prompt; only an answer that it can use is kept.

        Raises Unanswered when there is none, as `read` does: refused, rate limited, too dear, not understood, …
        """
        parameters: dict[str, Any] = {"temperature": 0, "max_tokens": answer_tokens}
        if logprobs:
            parameters |= {"logprobs": True, "top_logprobs": self._endpoint.top_logprobs}
        prompt = prompt.encode("utf-8", "replace").decode()  # half a character pair cannot be sent
        key = cache_key(self._endpoint.model, prompt, parameters)
        if (kept := self._kept(key, read)) is not None:
            return kept[0]
        if self._hopeless is not None:
            raise Unanswered(self._hopeless)
        answer = await self._paid(prompt, parameters)
        said = _read(answer, read)
        self._cache.put(key, answer)
        return said

    def _kept(self, key: bytes, read: Callable[[Answer], Read]) -> tuple[Read] | None:
        """Return what is made of a kept answer; one of no use, which a run before may have kept, is asked for again."""
        answer = self._cache.get(key)
        try:
            said = None if answer is None else (_read(answer, read),)
        except Unanswered:
            return None
        self.from_cache += said is not None
        return said

    async def _paid(self, prompt: str, parameters: dict[str, Any]) -> Answer:
        most = len(prompt.encode()) + _OVERHEAD + parameters["max_tokens"]  # a token is a byte or more
        if not await self.spending.hold(most):
            raise Unanswered(_SPENT)
        used = 0
        try:
            body = await self._settled(prompt, parameters)
            used = billed(body, most)
            return read_answer(body, most)
        except _MALFORMED:
            raise Unanswered(NOT_UNDERSTOOD) from None
        except openai.APIError as error:
            refused = WITHOUT.get(unsupported(error, self._parameters.sent(parameters)))
            reason = refused or _reason(error)
            if refused or isinstance(error, _HOPELESS):
                self._hopeless = reason
            raise Unanswered(reason) from None
        finally:
            await self.spending.settle(most, used)

    async def _settled(self, prompt: str, parameters: dict[str, Any]) -> Any:
        """Return the body of an answer; calls wait for the first one, which finds out what the model refuses."""
        if self._parameters.settled:
            return await self._called(prompt, parameters)
        async with self._first:
            if self._hopeless is not None:
                raise Unanswered(self._hopeless)
            try:
                return await self._called(prompt, parameters)
            finally:
                self._parameters.settled = True

    async def _called(self, prompt: str, parameters: dict[str, Any]) -> Any:
        """Return the body of an answer, as JSON. What the model refuses to be told is told otherwise, once each."""
        while True:
            sent = self._parameters.sent(parameters)
            try:
                response = await self._openai.chat.completions.with_raw_response.create(
                    model=self._endpoint.model, messages=[{"role": "user", "content": prompt}], **sent
                )
            except openai.APIStatusError as error:
                if not self._parameters.learn(unsupported(error, sent)):
                    raise
            else:
                self._parameters.count()
                return response.http_response.json()


def _read(answer: Answer, read: Callable[[Answer], Read]) -> Read:
    try:
        return read(answer)
    except _MALFORMED:
        raise Unanswered(NOT_UNDERSTOOD) from None


def _reason(error: openai.APIError) -> str:
    """Return what went wrong in few words; never the server's own, which may repeat the key."""
    match error:
        case openai.RateLimitError():
            return _LIMITED
        case openai.APITimeoutError():
            return _SLOW
        case openai.APIConnectionError():
            return _LOST
        case openai.APIStatusError():
            return f"call refused ({error.status_code})"
        case _:
            return NOT_UNDERSTOOD
