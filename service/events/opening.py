"""Opens what records events, from the settings."""

from __future__ import annotations

from pathlib import Path

from configs.reading import SettingsError
from service.answer_ids.answer_ids import AnswerIds
from service.events import segments
from service.events.credit import Credits
from service.events.recent_ids import RecentIds
from service.events.recorder import Recorder
from service.events.rejected import RejectedEvents
from service.events.sender import Sender, send_sealed
from service.events.shared_ids import RedisIds
from service.events.sink import Sink
from service.events.sinks.kafka import KafkaSink
from service.events.sinks.parquet import ParquetSink
from service.events.sinks.redis_stream import RedisStreamSink
from service.events.spool import Spool
from service.live_bundle import Live
from service.metrics import Metrics
from service.settings import FeedbackSettings
from store.redis.rows import RedisRows
from store.redis.url import parse

_STREAM_S = 1.0  # between two segments for a stream


def open_recorder(
    settings: FeedbackSettings,
    bundles: Path,
    ids: AnswerIds,
    live: Live,
    metrics: Metrics,
    redis_url: str | None,
    redis: RedisRows | None,
) -> Recorder:
    """Return the recorder; nothing is written before it starts. Raises SettingsError."""
    rotate_s = settings.rotate_s if settings.sink == "parquet" else _STREAM_S
    spool = Spool(spool_of(settings, bundles), settings.spool_mb * 1e6, rotate_s)
    sender = Sender(spool, open_sink(settings, bundles, redis_url), metrics.sink_failed.inc)
    rejected = RejectedEvents(spool.directory, settings.rejected_mb * 1e6)
    shared = None if redis is None else RedisIds(redis)
    known = RecentIds(settings.ids)
    return Recorder(Credits(ids, live), spool, sender, rejected, metrics, settings.most_events, known, shared)


async def send_now(settings: FeedbackSettings, bundles: Path, redis_url: str | None) -> int:
    """Send what waits in the spool; return the bytes that a running gateway still writes. Raises SinkDown."""
    directory = spool_of(settings, bundles)
    sink = open_sink(settings, bundles, redis_url)
    try:
        if directory.is_dir():
            await send_sealed(directory, sink, wait=True)
    finally:
        await sink.close()
    return segments.size(directory)


def spool_of(settings: FeedbackSettings, bundles: Path) -> Path:
    """Return the spool's directory."""
    return Path(settings.spool) if settings.spool else bundles / "feedback" / "spool"


def open_sink(settings: FeedbackSettings, bundles: Path, redis_url: str | None) -> Sink:
    """Return the sink. Raises SettingsError."""
    if settings.sink == "kafka":
        return KafkaSink(settings.kafka)
    if settings.sink == "parquet":
        return ParquetSink(Path(settings.directory) if settings.directory else bundles / "feedback" / "events")
    if redis_url is None:
        raise SettingsError("feedback.sink: redis is the server of --redis: give its URL, or use parquet")
    return RedisStreamSink(parse(redis_url), settings.redis)
