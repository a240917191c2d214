"""Builds the gateway from a bundle: the only file that names the concrete classes of the request path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from redis import Redis as BlockingRedis
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.retry import Retry as SyncRetry

from cascade.run import Cascade, RecallStep, Stage
from cascade.types import RecallPath
from corpus.url import canonical, host_id, page_id
from ranking.blend import Blend
from ranking.cross_encoder.score import CrossEncoderHeads
from ranking.features import STAGE1, STAGE2, STAGE2_START
from ranking.filters import standard
from ranking.hydrate import PageFacts, PageLookup
from ranking.lightgbm.score import LightGbmScorer
from ranking.select import Select
from recall.merge import merge
from recall.paths import TABLES, Recall, open_recall
from service.gateway import Gateway
from service.recommender import Recommender
from service.settings import RedisSettings, Settings
from service.unknown_queue import UnknownQueue
from store.bundle import Bundle, BundleError, open_bundle
from store.tables import LmdbTable, RedisTable, Table
from store.unknown_pages import FILE, RedisUnknownPages, SqliteUnknownPages
from text_model.session import OnnxModel
from text_model.tokens import PageTokenizer


def load(bundles: Path, settings: Settings, *, redis_url: str | None = None, bundle: str | None = None) -> Gateway:
    """Open the current bundle (or the named one) and return a gateway that is not warmed up yet.

    With `redis_url` the tables are read from Redis, where `onward push` put them. Raises BundleError.
    """
    opened = open_bundle(bundles, bundle)
    _check_features(opened)
    redis = connect_redis(redis_url, settings.redis) if redis_url else None
    tables = {name: _table(opened, name, redis) for name in TABLES}
    native = ThreadPoolExecutor(settings.threads.native, "native")
    tokenizer = PageTokenizer(opened.file("tokenizer.json"), opened.manifest.config["text"]["tokens_per_page"])
    directories = {"cf": opened.path / "cf", "two_tower": opened.path / "two_tower"}
    recall = open_recall(directories, tables.__getitem__, tokenizer, native, settings.threads.onnx)
    cascade = Cascade(
        trigger=PageLookup(tables["pages"], tokenizer),
        recall=[step for path in recall.paths if (step := _recall_step(path, settings)).limit],
        fallback=_recall_step(recall.fallback, settings),
        merge=merge,
        hydrate=PageFacts(tables["pages"]),
        filters=standard(*_blocked(settings, opened.fragment_hosts)),
        stages=_stages(opened, recall, tokenizer, native, settings),
        select=Select(settings.select.max_per_host, settings.select.min_quality),
        native=native,
    )
    unknown = _unknown(bundles, settings, redis_url)
    recommender = Recommender(cascade, tables["pages"], opened.name, settings, opened.fragment_hosts, unknown=unknown)
    return Gateway(recommender, settings, opened.manifest.warmup, _release(native, tables, redis, unknown))


def connect_redis(url: str, settings: RedisSettings) -> Redis:
    """Return a client with hard time limits and no hidden retries: by default redis-py retries ten times."""
    return Redis.from_url(
        url,
        socket_timeout=settings.socket_timeout_ms / 1e3,
        socket_connect_timeout=settings.connect_timeout_ms / 1e3,
        max_connections=settings.max_connections,
        retry=Retry(NoBackoff(), 0),
    )


def _stages(
    bundle: Bundle, recall: Recall, tokenizer: PageTokenizer, native: ThreadPoolExecutor, settings: Settings
) -> tuple[Stage, ...]:
    model = OnnxModel(bundle.file("cross_encoder/model.onnx"), settings.threads.onnx)
    heads = CrossEncoderHeads(model, tokenizer.cls, tokenizer.sep, native)
    stage1 = LightGbmScorer("stage1", bundle.file("stage1/model.txt"), STAGE1)
    stage2 = LightGbmScorer("stage2", bundle.file("stage2/model.txt"), STAGE2, STAGE2_START)
    blend = Blend.load(bundle.file("blend.json"))
    return (
        Stage(recall.similarities, stage1, settings.stage1.keep_top, settings.stage1.timeout_ms / 1e3),
        Stage((heads,), stage2, settings.stage2.keep_top, settings.stage2.timeout_ms / 1e3),
        Stage((), blend, settings.blend.keep_top, settings.blend.timeout_ms / 1e3),
    )


def _recall_step(path: RecallPath, settings: Settings) -> RecallStep:
    chosen = getattr(settings.recall, path.name)
    return RecallStep(path, chosen.limit, chosen.timeout_ms / 1e3)


def _check_features(bundle: Bundle) -> None:
    for model, names in (("stage1", STAGE1), ("stage2", STAGE2)):
        if bundle.manifest.features.get(model) != list(names):
            raise BundleError(f"bundle {bundle.name}: {model} was trained on other features: build it again")


def _table(bundle: Bundle, name: str, redis: Redis | None) -> Table:
    if redis is not None:
        return RedisTable(redis, bundle.name, name)
    return LmdbTable(bundle.file(f"tables/{name}.lmdb"))


def _unknown(bundles: Path, settings: Settings, redis_url: str | None) -> UnknownQueue | None:
    if settings.unknown.most == 0:
        return None
    if redis_url is None:
        return UnknownQueue(SqliteUnknownPages(bundles / FILE, settings.unknown.most))
    timeout_s = settings.redis.socket_timeout_ms / 1e3
    client = BlockingRedis.from_url(  # written from a thread, so that a slow server holds no request
        redis_url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=SyncRetry(NoBackoff(), 0)
    )
    return UnknownQueue(RedisUnknownPages(client, settings.unknown.most))


def _blocked(settings: Settings, fragment_hosts: frozenset[str]) -> tuple[list[int], list[int]]:
    pages = [page_id(canonical(url, fragment_hosts)) for url in settings.block.urls]
    return pages, [host_id(f"https://{host.lower()}/") for host in settings.block.hosts]


def _release(
    native: ThreadPoolExecutor, tables: dict[str, Table], redis: Redis | None, unknown: UnknownQueue | None
) -> Callable[[], Awaitable[None]]:
    async def release() -> None:
        if unknown is not None:
            await unknown.close()
        native.shutdown(wait=True, cancel_futures=True)
        for table in tables.values():
            if isinstance(table, LmdbTable):
                table.close()
        if redis is not None:
            await redis.aclose()

    return release
