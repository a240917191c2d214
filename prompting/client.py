"""Asks an OpenAI-compatible endpoint: cached, retried, within a spending limit; a failed call is a reason, no crash."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion

from prompting.answer import CLASSES, Answer, ClassToken, Unanswered
from prompting.cache import AnswerCache, cache_key
from prompting.endpoint import Endpoint
from prompting.spending import Spending

_SPENT, _LIMITED, _SLOW, _LOST = "spending limit reached", "rate limited (429)", "timed out", "no connection"

#: Reasons that say nothing of what was asked: another run may well get its answer.
TRY_AGAIN = frozenset(
    {_SPENT, _LIMITED, _SLOW, _LOST, "call refused (401)", "call refused (403)", "call refused (404)"}
)

_NO_KEY = "none"  # the library wants one; a server without keys passes over it
_OVERHEAD = 64  # tokens around a prompt: roles and separators

# Errors that the next call will meet as well: asking on would only hammer the endpoint.
_HOPELESS = (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError)

# What the library lets through of a 200 that is no completion: HTML, half a JSON, other types than promised.
_MALFORMED = (AttributeError, KeyError, TypeError, ValueError)


class Client:
    """One endpoint. Use as an async context manager; close the cache yourself."""

    def __init__(self, endpoint: Endpoint, cache: AnswerCache) -> None:
        self._endpoint = endpoint
        self._cache = cache
        self.spending = Spending(endpoint.max_tokens)
        self.from_cache = 0
        self._hopeless: str | None = None
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

    async def ask(self, prompt: str, logprobs: bool, answer_tokens: int) -> Answer:
        """Return the answer to one prompt. Raises Unanswered when there is none: refused, rate limited, too dear, …"""
        parameters: dict[str, Any] = {"temperature": 0, "max_tokens": answer_tokens}
        if logprobs:
            parameters |= {"logprobs": True, "top_logprobs": self._endpoint.top_logprobs}
        key = cache_key(self._endpoint.model, prompt, parameters)
        if (kept := self._cache.get(key)) is not None:
            self.from_cache += 1
            return kept
        if self._hopeless is not None:
            raise Unanswered(self._hopeless)
        answer = await self._paid(prompt, parameters)
        self._cache.put(key, answer)
        return answer

    async def _paid(self, prompt: str, parameters: dict[str, Any]) -> Answer:
        most = len(prompt.encode()) + _OVERHEAD + parameters["max_tokens"]  # a token is a byte or more
        if not await self.spending.hold(most):
            raise Unanswered(_SPENT)
        used = 0
        try:
            completion = await self._openai.chat.completions.create(
                model=self._endpoint.model, messages=[{"role": "user", "content": prompt}], **parameters
            )
            used = completion.usage.total_tokens if completion.usage else most
            return _answer(completion, used)
        except _MALFORMED:
            raise Unanswered("answer not understood") from None
        except openai.APIError as error:
            reason = _reason(error)
            if isinstance(error, _HOPELESS):
                self._hopeless = reason
            raise Unanswered(reason) from None
        finally:
            await self.spending.settle(most, used)


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
            return "answer not understood"


def _answer(completion: ChatCompletion, used: int) -> Answer:
    if not completion.choices:
        raise Unanswered("answer not understood")  # a gateway's error in the dress of an answer: not kept, asked again
    choice = completion.choices[0]
    text = choice.message.content or ""
    tokens = choice.logprobs.content if choice.logprobs else None
    return Answer(
        text=text,
        finish=choice.finish_reason or "stop",
        refused=bool(choice.message.refusal),
        tokens=used,
        classes=tuple(_class_tokens(tokens or [])),
    )


def _class_tokens(tokens: list[Any]) -> Iterator[ClassToken]:
    """Yield the tokens that are a class; the others' log-probabilities are not worth their place on disk."""
    offset = 0
    for token in tokens:
        data = bytes(token.bytes) if token.bytes is not None else token.token.encode()
        if data.strip().decode("ascii", "replace") in CLASSES:
            listed = {other.token: other.logprob for other in token.top_logprobs or ()} or {token.token: token.logprob}
            yield ClassToken(offset + len(data) - len(data.lstrip()), tuple(listed.items()))
        offset += len(data)
