"""A client for OpenAI-compatible endpoints with cache, retries and spending limit; failures become reasons."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
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

#: Reasons that do not depend on the prompt: another run may get an answer.
TRANSIENT = frozenset(
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

ASKED_AGAIN = "answers asked for a second time: the first was not in form"
_SECOND_TEMPERATURE = 0.7
_GONE = 3  # questions in a row without a response, each retried: the run stops calling the endpoint
_TOO_LONG = {"context_length_exceeded", "exceed_context_size_error"}

_NO_KEY = "none"  # the library requires a key; servers without keys ignore it
_STRICT = {"name": "answer", "strict": True}
_PAUSE_S = 60.0  # the longest pause before an attempt: the library follows a Retry-After up to it
_OVERHEAD = 64  # tokens added to a prompt: roles and separators

# Errors that every further call would get too: the run stops calling the endpoint.
_FATAL = (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError)

# Errors from a 200 response that is not a completion: HTML, truncated JSON, wrong types, deeply nested brackets.
_MALFORMED = (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError)

Read = TypeVar("Read")


def unchanged(answer: Answer) -> Answer:
    """Return the answer itself; the default `read` of `Client.ask`."""
    return answer


class Client:
    """One endpoint. Use as an async context manager; close the cache yourself."""

    def __init__(self, endpoint: Endpoint, cache: AnswerCache, given_up: str | None = None) -> None:
        """`given_up` is why an earlier client of the same run stopped calling the endpoint."""
        self._endpoint = endpoint
        self._cache = cache
        self.spending = Spending(endpoint.max_tokens)
        self.from_cache = 0
        self._calls = 0
        self._again = 0
        self._lost = 0  # questions without any response, in a row
        self.given_up = given_up
        self._parameters = Parameters()
        self._first = asyncio.Lock()  # the first call runs alone: it finds out which parameters the model rejects
        # The library's timeout starts anew with each byte: a server that sends blanks while it works would never end.
        self._longest_s = endpoint.timeout_s * (endpoint.retries + 1) + _PAUSE_S * endpoint.retries
        self._openai = AsyncOpenAI(
            api_key=endpoint.key.get_secret_value() or _NO_KEY,
            base_url=endpoint.base_url,
            timeout=endpoint.timeout_s,
            max_retries=endpoint.retries,  # on 408, 409, 429, 5xx and lost connections; honours Retry-After
        )

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._openai.close()

    @property
    def asked(self) -> int:
        """Questions that were sent, each counted once."""
        return self._calls - self._again

    @property
    def remarks(self) -> dict[str, int]:
        """Remarks on calls, such as a parameter that the model rejects -> number of calls."""
        again = {ASKED_AGAIN: self._again} if self._again else {}
        return {**self._parameters.remarks(), **again}

    async def ask(
        self,
        prompt: str,
        logprobs: bool,
        answer_tokens: int,
        read: Callable[[Answer], Read] = unchanged,  # type: ignore[assignment]
        schema: Mapping[str, Any] | None = None,
    ) -> Read:
        """Return the answer to one prompt as parsed by `read`; only answers that it accepts are cached.

        With `schema`, a JSON schema, servers that can constrain the answer to it do so; others ignore it.

        Raises Unanswered, as `read` does: refused, rate limited, over the spending limit, not understood, …
        """
        parameters: dict[str, Any] = {"temperature": 0, "max_tokens": answer_tokens}
        if logprobs:
            parameters |= {"logprobs": True, "top_logprobs": self._endpoint.top_logprobs}
        if schema is not None and self._endpoint.json_schema:
            parameters["response_format"] = {"type": "json_schema", "json_schema": {**_STRICT, "schema": schema}}
        prompt = prompt.encode("utf-8", "replace").decode()  # a lone surrogate cannot be sent
        key = cache_key(self._endpoint.model, prompt, parameters)
        if (cached := self._cached(key, read)) is not None:
            return cached[0]
        if self.given_up is not None:
            raise Unanswered(self.given_up)
        answer, result = await self._answered(prompt, parameters, read)
        self._cache.put(key, answer)
        return result

    async def _answered(
        self, prompt: str, parameters: dict[str, Any], read: Callable[[Answer], Read]
    ) -> tuple[Answer, Read]:
        """Return an answer and what `read` makes of it; asks once more, less predictably, for one in another form."""
        try:
            answer = await self._paid(prompt, parameters)
            return answer, _read(answer, read)
        except Unanswered as unanswered:
            if not unanswered.again:
                raise
        self._again += 1
        answer = await self._paid(prompt, {**parameters, "temperature": _SECOND_TEMPERATURE})
        return answer, _read(answer, read)

    def _cached(self, key: bytes, read: Callable[[Answer], Read]) -> tuple[Read] | None:
        """Return the parsed cached answer; None if there is none, or if `read` rejects one of an older version."""
        answer = self._cache.get(key)
        try:
            result = None if answer is None else (_read(answer, read),)
        except Unanswered:
            return None
        self.from_cache += result is not None
        return result

    async def _paid(self, prompt: str, parameters: dict[str, Any]) -> Answer:
        most = len(prompt.encode()) + _OVERHEAD + parameters["max_tokens"]  # a token has at least one byte
        if not await self.spending.reserve(most):
            raise Unanswered(_SPENT)
        self._calls += 1
        used = 0
        try:
            body = await self._settled(prompt, parameters)
            self._lost = 0
            used = billed(body, most)
            return read_answer(body, most)
        except _MALFORMED:
            raise Unanswered(NOT_UNDERSTOOD, again=True) from None
        except TimeoutError:
            self._without_response(_SLOW)
            raise Unanswered(_SLOW) from None
        except openai.APIError as error:
            rejected = WITHOUT.get(unsupported(error, self._parameters.sent(parameters)))
            reason = rejected or _reason(error)
            if isinstance(error, openai.APIConnectionError):
                self._without_response(reason)
            else:
                self._lost = 0
            if rejected or isinstance(error, _FATAL):
                self.given_up = reason
            raise Unanswered(reason) from None
        finally:
            await self.spending.settle(most, used)

    def _without_response(self, reason: str) -> None:
        self._lost += 1
        if self._lost >= _GONE:
            self.given_up = reason

    async def _settled(self, prompt: str, parameters: dict[str, Any]) -> Any:
        """Return the body of an answer; calls wait for the first one, which finds out what the model rejects."""
        if self._parameters.settled:
            return await self._called(prompt, parameters)
        async with self._first:
            if self.given_up is not None:
                raise Unanswered(self.given_up)
            try:
                return await self._called(prompt, parameters)
            finally:
                self._parameters.settled = True

    async def _called(self, prompt: str, parameters: dict[str, Any]) -> Any:
        """Return the body of an answer as JSON; retry with a replacement for each parameter that the model rejects."""
        while True:
            sent = self._parameters.sent(parameters)
            try:
                async with asyncio.timeout(self._longest_s):
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
        raise Unanswered(NOT_UNDERSTOOD, again=True) from None


def _reason(error: openai.APIError) -> str:
    """Return a short reason; never the server's own message, which may contain the key."""
    match error:
        case openai.RateLimitError():
            return _LIMITED
        case openai.APITimeoutError():
            return _SLOW
        case openai.APIConnectionError():
            return _LOST
        case openai.BadRequestError() if _TOO_LONG & {error.code, error.type}:
            return "the prompt does not fit into the model's context"
        case openai.APIStatusError():
            return f"call refused ({error.status_code})"
        case _:
            return NOT_UNDERSTOOD
