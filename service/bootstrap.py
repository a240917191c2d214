"""Builds the gateway from a bundle; only this file names the concrete classes of the request path."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from cascade.bulkhead import Bulkhead
from cascade.executor import Cascade
from configs.reading import SettingsError
from ranking import stored_answers
from ranking.assembly import Choices, Part, Threads, open_cascade
from ranking.features import STAGE1, STAGE2
from ranking.filters import standard
from ranking.languages import SiteLanguages
from ranking.select import Select
from ranking.stored_answers import Head
from recall.paths import ALL_PATHS, TABLES, Recall
from service.admission.api_keys import ApiKeys
from service.admission.authorize import Authorizer
from service.admission.rate_limits import RateLimits
from service.answers.blocklist import blocked
from service.answers.counting import AnswerCounts, ComputationCounts
from service.answers.page_counts import PageCounts
from service.answers.recommender import Recommender
from service.answers.shared_cache import SharedCache
from service.answers.side_effects import SideEffects
from service.answers.unknown_pages import UnknownPageQueue
from service.bundles.redis_tables import open_rows, open_tables, unknown_pages
from service.bundles.swap import Swapper
from service.gateway import Explored, Gateway
from service.live_bundle import Live, LoadedBundle
from service.metrics import Metrics
from service.settings import Settings, StageSettings
from store.addresses import Addresses, open_addresses
from store.bundle import Bundle, BundleError, open_bundle
from store.label_file import LabelFile, LabelFileError
from store.redis.rows import RedisRows
from store.redis.table_with_fallback import RedisTable
from store.tables import LmdbTable
from store.unknown_pages import FILE, SqliteUnknownPages
from text_model.tokens import PageTokenizer

log = logging.getLogger(__name__)

_CALL_MS = 200.0  # of the budget per call that waits for the cross-encoder: in a longer queue all would be late


@dataclass(frozen=True, slots=True)
class Shared:
    """What outlives a bundle: threads, connections to Redis, and metrics."""

    recall: Mapping[str, Bulkhead]  # of each path; threads begin at the first call, so a path without any has none
    ranking: Bulkhead
    cross_encoder: Bulkhead
    redis: RedisRows | None
    metrics: Metrics

    async def close(self) -> None:
        """Stop the threads and close the connections; threads that hang are abandoned."""
        for threads in (*self.recall.values(), self.ranking, self.cross_encoder):
            threads.shutdown(wait=False, cancel_futures=True)
        if self.redis is not None:
            await self.redis.close()


def load(bundles: Path, settings: Settings, *, redis_url: str | None = None, bundle: str | None = None) -> Gateway:
    """Open the current bundle (or the named one) and return a gateway that is not warmed up yet.

    With `redis_url` the tables are read from Redis, where `onward push` put them. Raises BundleError, RedisUrlError and
    SettingsError.
    """
    opened = open_bundle(bundles, bundle)
    shared = share(settings, redis_url)
    unknown = _unknown_pages(bundles, settings, redis_url, shared.metrics)
    lists = _shared_cache(settings, shared)
    explored = Explored(unknown=unknown, labels=_labels(settings))
    effects = _side_effects(shared.metrics, unknown, lists, explored.asked if settings.explorer.enabled else None)
    loading = partial(load_bundle, settings=settings, shared=shared)
    recommender = Recommender(Live(loading(opened)), settings, shared.metrics, effects, lists)
    swaps = Swapper(bundles, recommender, settings, loading, follows=bundle is None)

    async def release() -> None:
        if unknown is not None:
            await unknown.close()
        await shared.close()

    authorizer = _authorizer(settings, redis_url, recommender.metrics)
    return Gateway(recommender, settings, release, authorizer, swaps, explored)


def share(settings: Settings, redis_url: str | None) -> Shared:
    """Open what all bundles of a process share."""
    threads, metrics = settings.threads, Metrics()
    return Shared(
        recall={path.name: Bulkhead(path.name, threads.native) for path in ALL_PATHS},
        ranking=Bulkhead("ranking", threads.native),
        cross_encoder=Bulkhead("cross_encoder", threads.cross_encoder, 1 + int(settings.budget_ms / _CALL_MS)),
        redis=open_rows(redis_url, settings.redis, metrics) if redis_url else None,
        metrics=metrics,
    )


def load_bundle(opened: Bundle, settings: Settings, shared: Shared) -> LoadedBundle:
    """Open a verified bundle's tables, indexes and models. Raises BundleError."""
    _check_features(opened)
    addresses = open_addresses(opened)
    tables = _tables(opened, shared)

    def close() -> None:
        for table in (*tables.values(), addresses):
            table.close()

    try:
        served = _serves_stored(opened, tables, settings)
        cascade = _cascade(opened, tables, addresses, settings, shared)
    except BaseException:
        close()
        raise
    warmup, answers = tuple(opened.manifest.warmup), tables[stored_answers.TABLE] if served else None
    pages = tables["pages"]
    return LoadedBundle(opened.name, cascade, pages, addresses, close, warmup, answers, opened.manifest)


def _cascade(
    opened: Bundle,
    tables: Mapping[str, LmdbTable | RedisTable],
    addresses: Addresses,
    settings: Settings,
    shared: Shared,
) -> Cascade:
    tokenizer = PageTokenizer(opened.file("tokenizer.json"), opened.manifest.config["text"]["tokens_per_page"])
    filters = standard(
        *blocked(settings.block, opened, addresses),
        adult=settings.filters.adult,
        oldest_days=settings.freshness.oldest_days,
    )
    threads = Threads(
        shared.recall, shared.ranking, shared.cross_encoder, settings.threads.onnx, settings.threads.stage1
    )
    languages = SiteLanguages(opened.manifest.languages)
    cascade, recall = open_cascade(
        opened.file, opened.path, tables, tokenizer, filters, choices(settings), threads, languages
    )
    _check_sizes(opened, tables, addresses, recall)
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


def _check_features(bundle: Bundle) -> None:
    for model, names in (("stage1", STAGE1), ("stage2", STAGE2)):
        if bundle.manifest.features.get(model) != list(names):
            raise BundleError(f"bundle {bundle.name}: {model} was trained on other features: build it again")


def _check_sizes(
    bundle: Bundle, tables: Mapping[str, LmdbTable | RedisTable], addresses: Addresses, recall: Recall
) -> None:
    """Refuse files that are intact but do not belong together."""
    manifest = bundle.manifest
    found: dict[str, int] = {name: len(table) for name, table in tables.items() if isinstance(table, LmdbTable)}
    found |= {name: len(index) for name, index in recall.indexes.items()}
    found["addresses"] = len(addresses)
    _agree(bundle, "rows", found, manifest.rows)
    _agree(bundle, "dimension", {name: index.dimension for name, index in recall.indexes.items()}, manifest.dimensions)
    if manifest.search:  # absent in older bundles
        _agree(bundle, "search", {name: index.setting for name, index in recall.indexes.items()}, manifest.search)


def _serves_stored(bundle: Bundle, tables: Mapping[str, LmdbTable | RedisTable], settings: Settings) -> bool:
    """Return whether stored answers are those that this gateway would compute. Raises BundleError for another bundle's.

    With other limits than those that they were made with, every answer is computed.
    """
    if stored_answers.TABLE not in tables:
        return False
    table, ours = tables[stored_answers.TABLE], Head.of(bundle.manifest.files, choices(settings).limits())
    head = stored_answers.read_head(table.read(np.array([stored_answers.HEAD], np.uint64))[0])
    problem = "its head cannot be read" if head is None else head.problem(ours)
    if head is None or problem:
        raise BundleError(f"bundle {bundle.name}: {stored_answers.FILE}: {problem}: build the bundle again")
    if not settings.cache.stored:
        return False
    if changed := sorted(name for name, most in ours.limits.items() if head.limits.get(name) != most):
        log.warning("bundle %s: stored answers are not used: %s", bundle.name, _other_limits(head, ours, changed))
    return not changed


def _other_limits(head: Head, ours: Head, changed: Iterable[str]) -> str:
    told = ", ".join(f"{name} is {ours.limits[name]}, they were made with {head.limits.get(name)}" for name in changed)
    return f"{told}; run `onward refresh answers` with these settings"


def _agree(bundle: Bundle, what: str, found: Mapping[str, int | str], listed: Mapping[str, int | str]) -> None:
    for name, value in found.items():
        if listed.get(name) != value:
            problem = f"{name} has {what} {value}, and the manifest says {listed.get(name)}"
            raise BundleError(f"bundle {bundle.name}: {problem}: build the bundle again")


def _tables(bundle: Bundle, shared: Shared) -> Mapping[str, LmdbTable | RedisTable]:
    stored = [stored_answers.TABLE] if stored_answers.FILE in bundle.manifest.files else []
    own = [LmdbTable(bundle.file(f"tables/{name}.lmdb")) for name in (*TABLES, *stored)]
    if shared.redis is None:
        return {table.name: table for table in own}
    return open_tables(shared.redis, bundle.name, own, shared.metrics)


def _side_effects(
    metrics: Metrics, unknown: UnknownPageQueue | None, lists: SharedCache | None, asked: PageCounts | None
) -> SideEffects:
    """Return everything that runs after a computation or an answer."""
    optional = [effect for effect in (unknown, lists) if effect is not None]
    return SideEffects(
        after_computation=[ComputationCounts(metrics), *optional],
        after_answer=[AnswerCounts(metrics), *([asked] if asked is not None else [])],
        failed=lambda name: metrics.side_effect_failed.labels(name).inc(),
    )


def _unknown_pages(
    bundles: Path, settings: Settings, redis_url: str | None, metrics: Metrics
) -> UnknownPageQueue | None:
    if settings.unknown.most == 0:
        return None

    def dropped(why: str, pages: int) -> None:
        metrics.unknown_dropped.labels(why).inc(pages)

    if redis_url is None:
        return UnknownPageQueue(SqliteUnknownPages(bundles / FILE, settings.unknown.most), dropped)
    return UnknownPageQueue(unknown_pages(redis_url, settings.redis, settings.unknown.most), dropped)


def _labels(settings: Settings) -> LabelFile | None:
    if not (settings.explorer.enabled and settings.explorer.labels):
        return None
    try:
        return LabelFile(Path(settings.explorer.labels), "explorer")
    except LabelFileError as error:
        raise SettingsError(f"explorer.labels: {error}") from None


def _shared_cache(settings: Settings, shared: Shared) -> SharedCache | None:
    if not settings.cache.shared:
        return None
    if shared.redis is None:
        raise SettingsError("cache.shared: answers are shared through Redis: give --redis URL, or set it to false")
    lookups = shared.metrics.cache
    return SharedCache(shared.redis, settings, lambda result: lookups.labels(result).inc())


def _authorizer(settings: Settings, redis_url: str | None, metrics: Metrics) -> Authorizer:
    keys, explain = settings.keys, settings.explain
    api_keys = ApiKeys(Path(keys.file)) if keys.file else None
    rates = RateLimits(keys, redis_url) if api_keys and keys.per_minute else None
    explain_keys = ApiKeys(Path(explain.file), setting="explain.file") if explain.file else None
    return Authorizer(api_keys, rates, metrics, explain.allowed, explain_keys)
