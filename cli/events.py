"""`onward events`: what readers' events are doing between the gateway and the build."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.options import Bundles, Config, Overrides, RedisUrl, settings_of

events = typer.Typer(help="Readers' events: send, pull, and those that were rejected.", no_args_is_help=True)


@events.callback()
def _group() -> None:
    """Readers' events: send, pull, and those that were rejected."""


@events.command()
def rejected(bundles: Bundles, config: Config = None, overrides: Overrides = None) -> None:
    """Print rejected events with the reason, one JSON object per line; their counts go to stderr."""
    from collections import Counter

    import orjson

    from service.events.opening import spool_of
    from service.events.rejected import read_rejected

    counts: Counter[str] = Counter()
    for each in read_rejected(spool_of(settings_of(config, overrides).feedback, bundles)):
        counts[f"{each['reason']} {each['field']}"] += 1
        sys.stdout.buffer.write(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE))
    for reason, count in counts.most_common():
        typer.echo(f"{count:>8} {reason}", err=True)


@events.command()
def send(bundles: Bundles, redis: RedisUrl = None, config: Config = None, overrides: Overrides = None) -> None:
    """Send what waits in the spool to the sink now; a running gateway does so by itself."""
    import asyncio

    from service.events.opening import send_now

    waiting = asyncio.run(send_now(settings_of(config, overrides).feedback, bundles, redis))
    typer.echo("the spool is empty" if not waiting else f"{waiting} bytes still wait: a gateway is writing them")


@events.command()
def pull(
    out: Annotated[Path, typer.Option("--out", help="Directory of the Parquet files: `events` beside your tables.")],
    redis: RedisUrl = None,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Pull new events from the sink (a Redis stream or a Kafka topic) into Parquet files, which the build reads."""
    from configs.reading import SettingsError
    from pipeline.events.pull import pull as pull_from

    settings = settings_of(config, overrides).feedback
    if settings.sink == "parquet":
        raise SettingsError("feedback.sink: parquet needs no pull: give `onward build` its directory as `events`")
    pulled = 0
    if settings.sink == "redis":
        from pipeline.events.redis_stream import RedisStream
        from store.redis.client import connected
        from store.redis.url import parse

        if redis is None:
            raise SettingsError("feedback.sink: redis is the server of --redis: give its URL")
        with connected(parse(redis)) as client:
            pulled = pull_from(RedisStream(client, settings.redis.stream), out)
    else:
        from pipeline.events.kafka_topic import partitions
        from service.events.sinks.kafka import options_of

        with partitions(settings.kafka.servers, settings.kafka.topic, options_of(settings.kafka)) as found:
            pulled = sum(pull_from(partition, out) for partition in found)
    typer.echo(f"{pulled} events pulled into {out}")
