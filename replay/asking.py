"""Asks one side of a replay for its answers: a bundle in this process, or a running gateway over HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import orjson

from cascade.abreast import abreast
from corpus.schema import InputError
from service.answers.request import Request
from service.answers.resolve import ClientError
from service.bootstrap import load
from service.bundles.check_messages import Sampled, Shown
from service.bundles.sample_answers import take
from service.settings import Settings

_TIMEOUT_S = 30.0
_TRIES = 5  # of a request that a busy gateway refuses
_UNNAMED_S = 1.0  # to wait before the next try where the gateway does not say how long


class Reply(NamedTuple):
    """One answer and the milliseconds that it took, or why there is none."""

    answer: Sampled
    titles: dict[str, str]
    ms: float
    error: str = ""


class Side(NamedTuple):
    """One side of a replay: what it is called, and its reply for every URL."""

    name: str
    replies: dict[str, Reply]


Advance = Callable[[], None]


def ask_bundle(
    bundles: Path, bundle: str | None, settings: Settings, urls: Sequence[str], k: int, at_once: int, advance: Advance
) -> Side:
    """Answer from a bundle as a gateway with these settings would, without its cache. Raises BundleError."""

    async def run() -> Side:
        gateway = load(bundles, settings, bundle=bundle)
        try:
            live = gateway.live.bundle
            await take(live, live.warmup[:3], settings.max_budget_ms / 1e3)

            async def ask(url: str) -> Reply:
                started = time.perf_counter()
                try:
                    answer = await gateway.recommender.recommend(Request(url, k))
                except ClientError as error:
                    return _no_answer(started, str(error))
                return _reply(answer.body, started)

            return Side(live.name, await _all(ask, urls, at_once, advance))
        finally:
            await gateway.close()

    return asyncio.run(run())


def ask_gateway(address: str, urls: Sequence[str], k: int, at_once: int, key: str | None, advance: Advance) -> Side:
    """Answer from a running gateway. Raises InputError if nothing answers at the address."""

    async def run() -> Side:
        headers = {"X-API-Key": key} if key else {}
        async with httpx.AsyncClient(base_url=address, timeout=_TIMEOUT_S, headers=headers) as http:
            try:
                (await http.get("/healthz")).raise_for_status()
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                problem = f"{address} is not a running gateway ({type(error).__name__})"
                raise InputError(f"{problem}: give its HTTP address, such as http://localhost:8000") from None

            async def ask(url: str) -> Reply:
                return await _over_http(http, url, k)

            return Side(address, await _all(ask, urls, at_once, advance))

    return asyncio.run(run())


async def _over_http(http: httpx.AsyncClient, url: str, k: int) -> Reply:
    """Ask once; a gateway that refuses for overload is asked again after the time that it names."""
    for attempt in range(1, _TRIES + 1):
        started = time.perf_counter()
        try:
            response = await http.get("/recommend", params={"url1": url, "k": k})
        except httpx.HTTPError as error:
            return _no_answer(started, type(error).__name__)
        if response.status_code != 429 or attempt == _TRIES:
            break
        await asyncio.sleep(_pause_s(response.headers.get("Retry-After", "")))
    if response.status_code != 200:
        return _no_answer(started, f"status {response.status_code}")
    try:
        return _reply(response.content, started)
    except (ValueError, KeyError, TypeError):  # a proxy's page, say
        return _no_answer(started, "status 200, but not an answer of Onward")


def _pause_s(retry_after: str) -> float:
    """Return how long to wait, at most 5 seconds; a proxy may send a date, or nothing."""
    try:
        return max(0.0, min(5.0, float(retry_after)))
    except ValueError:
        return _UNNAMED_S


async def _all(
    ask: Callable[[str], Awaitable[Reply]], urls: Sequence[str], at_once: int, advance: Advance
) -> dict[str, Reply]:
    async def one(url: str) -> tuple[str, Reply]:
        return url, await ask(url)

    replies = {}
    async for url, reply in abreast(urls, one, at_once):
        replies[url] = reply
        advance()
    return replies


def _reply(body: bytes, started: float) -> Reply:
    ms = 1e3 * (time.perf_counter() - started)
    contents: dict[str, Any] = orjson.loads(body)
    pages = contents["recommendations"]
    shown = [Shown(page["url"], page["score"], page["quality"]) for page in pages]
    titles = {page["url"]: page["title"] for page in pages}
    return Reply(Sampled(shown=shown, degraded=contents["degraded"]), titles, ms)


def _no_answer(started: float, problem: str) -> Reply:
    return Reply(Sampled(shown=[], degraded=[]), {}, 1e3 * (time.perf_counter() - started), problem)
