"""`onward push`: copies a bundle's tables into Redis."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import REDIS_URL, BundleName, Bundles

if TYPE_CHECKING:
    from redis import Redis

    from store.bundle import Bundle

_ROWS_PER_PIPELINE = 2_000


def push(
    bundles: Bundles,
    redis: Annotated[str, typer.Option("--redis", envvar=REDIS_URL, help="Target, such as redis://host:6379/0.")],
    bundle: BundleName = None,
) -> None:
    """Copy the bundle's tables into Redis, for `serve --redis`."""
    from rich.console import Console
    from rich.progress import Progress

    from store.bundle import open_bundle
    from store.redis.client import connected
    from store.redis.url import parse

    address = parse(redis)
    opened = open_bundle(bundles, bundle)
    with connected(address) as client, Progress(console=Console(stderr=True)) as progress:
        for path in table_files(opened):
            bar = progress.add_task(path.stem, total=None)
            for done, total in load(client, opened.name, path):
                progress.update(bar, completed=done, total=total)
    typer.echo(f"{opened.name} is in Redis")


def table_files(bundle: Bundle) -> list[Path]:
    """Return the LMDB files of a bundle's tables; its other LMDB files are never read from Redis."""
    names = (name for name in sorted(bundle.manifest.files) if name.startswith("tables/"))
    return [bundle.file(name) for name in names if name.endswith(".lmdb")]


def load(client: Redis, bundle: str, path: Path) -> Iterator[tuple[int, int]]:
    """Write one table's rows to Redis in pipelines; yield the rows written so far and the total."""
    from store.tables import LmdbTable, key_prefix

    table = LmdbTable(path)
    prefix, rows, done = key_prefix(bundle, table.name), table.items(), 0
    try:
        while part := list(islice(rows, _ROWS_PER_PIPELINE)):
            pipeline = client.pipeline(transaction=False)
            for page, row in part:
                pipeline.set(prefix + page.to_bytes(8, "big"), row)
            pipeline.execute()
            done += len(part)
            yield done, len(table)
    finally:
        table.close()
