"""Answers a batch of requests: each gets its own answer or its own error."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from dataclasses import replace

from service.admission.refusal import DeadlineExceeded, Refusal
from service.answers.answer import Answer
from service.answers.recommender import Recommender
from service.answers.request import Request
from service.answers.resolve import ClientError

_LEAST_S = 0.005  # with less time left, no further request is started

Result = Answer | ClientError | Refusal


async def recommend_each(
    recommender: Recommender, requests: list[Request | ClientError], concurrency: int, until: float = math.inf
) -> list[Result]:
    """Answer the requests, at most `concurrency` in parallel; return the results in the order of the requests.

    `until` is a time of the monotonic clock: requests that are not answered by then get DeadlineExceeded.
    """
    results: dict[int, Result] = {}
    waiting = deque(enumerate(requests))
    workers = min(concurrency, len(requests))

    async def work() -> None:
        nonlocal workers
        while waiting:
            number, request = waiting.popleft()
            try:
                results[number] = await _result(recommender, request, until)
            except Refusal as refusal:
                if workers > 1 and not isinstance(refusal, DeadlineExceeded):
                    waiting.appendleft((number, request))  # another worker retries: a batch never overloads by itself
                    break
                results[number] = refusal
        workers -= 1

    await asyncio.gather(*(work() for _ in range(workers)))
    return [results[number] for number in range(len(requests))]


async def _result(recommender: Recommender, request: Request | ClientError, until: float) -> Answer | ClientError:
    """Return the answer, or what is wrong with the request. Raises Refusal."""
    if isinstance(request, ClientError):
        return request
    try:
        return await _answer(recommender, request, until)
    except ClientError as error:
        return error


async def _answer(recommender: Recommender, request: Request, until: float) -> Answer:
    """Return the answer, within the time that is left for the batch. Raises ClientError and Refusal."""
    if math.isinf(until):
        return await recommender.recommend(request)
    left_s = until - time.monotonic()
    if left_s < _LEAST_S:
        raise DeadlineExceeded
    budget_ms = min(1e3 * left_s, request.budget_ms or recommender.budget_ms)
    try:
        async with asyncio.timeout(left_s):
            return await recommender.recommend(replace(request, budget_ms=budget_ms))
    except TimeoutError:
        raise DeadlineExceeded from None
