"""`onward recommend`: answers a file of URLs, one JSON object per line."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from cli.options import BundleName, Bundles, Config, Overrides, RedisUrl, settings_of

if TYPE_CHECKING:
    from service.answers.recommender import Recommender
    from service.answers.request import Request
    from service.settings import Settings

_TIMEOUT_MS = 60_000  # no reader waits for a batch: shorter timeouts would only degrade answers


def recommend(
    bundles: Bundles,
    urls: Annotated[Path, typer.Option("--urls", help="A file with one URL per line.")],
    k: Annotated[int, typer.Option("--k", min=1, max=30, help="The most pages to recommend.")] = 5,
    quality_weight: Annotated[
        float | None, typer.Option(min=0, max=1, help="0 ranks by clicks alone; by default the bundle's weight.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Output file; by default standard output.")] = None,
    redis: RedisUrl = None,
    bundle: BundleName = None,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Recommend for every URL of a file; an invalid URL gives a line with the error and its fix."""
    from configs.text_file import read_text
    from service.answers.request import Request
    from service.bootstrap import load

    settings = settings_of(config, [*without_time_limits(), *(overrides or ())])
    lines = [line.strip() for line in read_text(urls, errors="replace").splitlines()]
    requests = [Request(line, k, quality_weight=quality_weight) for line in lines if line]

    async def run() -> None:
        gateway = load(bundles, settings, redis_url=redis, bundle=bundle)
        try:
            with _output(out) as file:
                await _write(gateway.recommender, requests, settings, file)
        finally:
            await gateway.close()

    asyncio.run(run())


def without_time_limits() -> Iterator[str]:
    """Yield overrides with long timeouts and without a cache: no reader waits for a batch."""
    from configs.reading import keys
    from service.settings import Settings

    yield "cache.max_mb=0"  # every URL is requested once
    for key in keys(Settings):
        if key.endswith(("timeout_ms", "budget_ms")):
            yield f"{key}={_TIMEOUT_MS}"


async def _write(recommender: Recommender, requests: list[Request], settings: Settings, file: BinaryIO) -> None:
    from rich.console import Console
    from rich.progress import track

    answers = answer_lines(recommender, requests, settings.threads.native + 1)
    for _ in track(requests, "recommend", console=Console(stderr=True)):
        file.write(await anext(answers))


async def answer_lines(recommender: Recommender, requests: Iterable[Request], concurrency: int) -> AsyncIterator[bytes]:
    """Yield one JSON line for each request, in order; at most `concurrency` are in flight."""
    in_flight: list[asyncio.Task[bytes]] = []
    for request in requests:
        in_flight.append(asyncio.create_task(_line(recommender, request)))
        if len(in_flight) >= concurrency:
            yield await in_flight.pop(0)
    for task in in_flight:
        yield await task


async def _line(recommender: Recommender, request: Request) -> bytes:
    import orjson

    from service.answers.resolve import ClientError

    try:
        return (await recommender.recommend(request)).body + b"\n"
    except ClientError as error:
        fix = "; ".join(wrong.fix for wrong in error.errors)
        return orjson.dumps({"url1": request.url1, "error": str(error), "fix": fix}) + b"\n"


@contextmanager
def _output(path: Path | None) -> Iterator[BinaryIO]:
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    with path.open("wb") as file:
        yield file
