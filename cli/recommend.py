"""`onward recommend`: answers a file of URLs, one JSON object per line."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from cli.many_pages import at_once, side_by_side
from cli.options import BundleName, Bundles, Config, Overrides, RedisUrl, settings_of

if TYPE_CHECKING:
    from service.answers.recommender import Recommender
    from service.answers.request import Request


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
    from service.bundles.sample_answers import take

    settings = settings_of(config, [*side_by_side(), *(overrides or ())])
    lines = [line.strip() for line in read_text(urls, errors="replace").splitlines()]
    requests = [Request(line, k, quality_weight=quality_weight) for line in lines if line]

    async def run() -> None:
        gateway = load(bundles, settings, redis_url=redis, bundle=bundle)
        try:
            live = gateway.live.bundle
            await take(live, live.warmup[:1], settings.budget_ms / 1e3)  # until timed, the model scores in parts
            with _output(out) as file:
                await _write(gateway.recommender, requests, file)
        finally:
            await gateway.close()

    asyncio.run(run())


async def _write(recommender: Recommender, requests: list[Request], file: BinaryIO) -> None:
    from rich.console import Console
    from rich.progress import track

    from cascade.abreast import abreast

    answers = abreast(requests, lambda request: _line(recommender, request), at_once())
    for _ in track(requests, "recommend", console=Console(stderr=True)):
        file.write(await anext(answers))


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
