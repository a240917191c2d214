"""Opens a verified bundle for serving, over the threads and connections that outlive it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from cascade.bulkhead import Bulkhead
from cascade.executor import Cascade
from ranking import stored_answers
from ranking.assembly import Choices, Part, Threads, open_cascade
from ranking.expiry import Expired
from ranking.filters import standard
from ranking.languages import SiteLanguages
from ranking.select import Select
from ranking.session.score import SessionScorer
from recall.paths import ALL_PATHS, TABLES
from service.bundles.agreement import check_features, check_sizes, head_of_stored
from service.bundles.redis_tables import open_rows, open_tables
from service.live_bundle import LoadedBundle
from service.metrics import Metrics
from service.rules.live_rules import LiveRules, of_settings
from service.rules.steering import BlockFilter, Steering
from service.settings import Settings, StageSettings
from store.addresses import Addresses, open_addresses
from store.bundle import Bundle
from store.redis.rows import RedisRows
from store.redis.table_with_fallback import RedisTable
from store.tables import LmdbTable
from store.valid_until import open_valid_until
from text_model.tokens import PageTokenizer

_SESSION = "session/model.onnx"
_CALL_MS = 200.0  # of the budget per call that waits for the cross-encoder: in a longer queue all would be late


@dataclass(frozen=True, slots=True)
class Shared:
    """What outlives a bundle: threads, connections to Redis, and metrics."""

    recall: Mapping[str, Bulkhead]  # of each path; threads begin at the first call, so a path without any has none
    ranking: Bulkhead
    cross_encoder: Bulkhead
    redis: RedisRows | None
    metrics: Metrics
    rules: LiveRules

    async def close(self) -> None:
        """Stop the threads and close the connections; threads that hang are abandoned."""
        for threads in (*self.recall.values(), self.ranking, self.cross_encoder):
            threads.shutdown(wait=False, cancel_futures=True)
        if self.redis is not None:
            await self.redis.close()


def share(settings: Settings, redis_url: str | None) -> Shared:
    """Open what all bundles of a process share."""
    threads, metrics = settings.threads, Metrics()
    return Shared(
        recall={path.name: Bulkhead(path.name, threads.native) for path in ALL_PATHS},
        ranking=Bulkhead("ranking", threads.native),
        cross_encoder=Bulkhead("cross_encoder", threads.cross_encoder, 1 + int(settings.budget_ms / _CALL_MS)),
        redis=open_rows(redis_url, settings.redis, metrics) if redis_url else None,
        metrics=metrics,
        rules=LiveRules(of_settings(settings.block)),
    )


def load_bundle(opened: Bundle, settings: Settings, shared: Shared) -> LoadedBundle:
    """Open a verified bundle's tables, indexes and models. Raises BundleError."""
    check_features(opened)
    addresses = open_addresses(opened)
    tables = _tables(opened, shared)

    def close() -> None:
        for table in (*tables.values(), addresses):
            table.close()

    try:
        head = head_of_stored(opened, tables, choices(settings).limits(), settings.cache.stored)
        expired = Expired(open_valid_until(opened), settings.freshness.oldest_days)
        steering = Steering(shared.rules, tables["pages"], addresses, expired)
        cascade = _cascade(opened, tables, addresses, steering, settings, shared)
    except BaseException:
        close()
        raise
    warmup = tuple(opened.manifest.warmup)
    has_session = _SESSION in opened.manifest.files
    loaded = LoadedBundle(
        opened.name,
        cascade,
        tables["pages"],
        addresses,
        close,
        warmup,
        steering=steering,
        session=SessionScorer.load(opened.path / "session", shared.ranking) if has_session else None,
        manifest=opened.manifest,
    )
    return loaded if head is None else replace(loaded, answers=tables[stored_answers.TABLE], answers_by=head.model)


def _cascade(
    opened: Bundle,
    tables: Mapping[str, LmdbTable | RedisTable],
    addresses: Addresses,
    steering: Steering,
    settings: Settings,
    shared: Shared,
) -> Cascade:
    tokenizer = PageTokenizer(opened.file("tokenizer.json"), opened.manifest.config["text"]["tokens_per_page"])
    filters = standard(BlockFilter(steering), steering.expired, adult=settings.filters.adult)
    threads = Threads(
        shared.recall, shared.ranking, shared.cross_encoder, settings.threads.onnx, settings.threads.stage1
    )
    languages = SiteLanguages(opened.manifest.languages)
    cascade, recall = open_cascade(
        opened.file, opened.path, tables, tokenizer, filters, choices(settings), threads, languages
    )
    check_sizes(opened, tables, addresses, recall)
    return cascade


def choices(settings: Settings) -> Choices:
    """Return what the settings say about the cascade."""
    chosen = settings.select
    paths = {path.name: settings.recall.of(path.name) for path in ALL_PATHS}
    return Choices(
        recall={name: Part(path.limit, path.timeout_ms / 1e3) for name, path in paths.items()},
        stage1=_part(settings.stage1),
        stage2=_part(settings.stage2),
        blend=_part(settings.blend),
        read_timeout_s=settings.read_timeout_ms / 1e3,
        adult=settings.filters.adult,
        half_life_days=settings.freshness.half_life_days,
        select=Select(chosen.max_per_host, chosen.min_quality, chosen.margin, chosen.min_hosts),
        kept_pairs=settings.cache.pairs,
        page_state_bytes=int(settings.cache.page_states_mb * 1e6),
    )


def _part(stage: StageSettings) -> Part:
    return Part(stage.keep_top, stage.timeout_ms / 1e3)


def _tables(bundle: Bundle, shared: Shared) -> Mapping[str, LmdbTable | RedisTable]:
    stored = [stored_answers.TABLE] if stored_answers.FILE in bundle.manifest.files else []
    own = [LmdbTable(bundle.file(f"tables/{name}.lmdb")) for name in (*TABLES, *stored)]
    if shared.redis is None:
        return {table.name: table for table in own}
    return open_tables(shared.redis, bundle.name, own, shared.metrics)
