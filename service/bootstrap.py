"""Builds the gateway from a bundle; only this file names the concrete classes of the request path."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from cascade.bulkhead import Bulkhead
from cascade.executor import Cascade
from configs.reading import SettingsError
from ranking import stored_answers
from ranking.assembly import Choices, Part, Threads, open_cascade
from ranking.expiry import Expired
from ranking.features import STAGE1, STAGE2
from ranking.filters import standard
from ranking.languages import SiteLanguages
from ranking.select import Select
from ranking.stored_answers import Head
from recall.paths import ALL_PATHS, TABLES, Recall
from service.admission.api_keys import ApiKeys
from service.admission.authorize import Authorizer
from service.admission.rate_limits import RateLimits
from service.answer_ids.answer_ids import AnswerIds
from service.answer_ids.keys import OneKey, key_file
from service.answers.counting import AnswerCounts, ComputationCounts
from service.answers.names import Names
from service.answers.page_counts import PageCounts
from service.answers.recommender import Recommender
from service.answers.shared_cache import SharedCache
from service.answers.side_effects import SideEffects
from service.answers.unknown_pages import UnknownPageQueue
from service.bundles.redis_tables import open_rows, open_tables, stored_rules, unknown_pages
from service.bundles.swap import Swapper
from service.events.opening import open_recorder
from service.experiments.file import Experiments
from service.gateway import Explored, Gateway
from service.live_bundle import Live, LoadedBundle
from service.metrics import Metrics
from service.rules.live_rules import LiveRules, of_settings
from service.rules.sources import RulesFile, RulesInRedis, Source
from service.rules.steering import BlockFilter, Steering
from service.rules.watch import RulesWatch
from service.settings import Settings, StageSettings
from store.addresses import Addresses, open_addresses
from store.bundle import Bundle, BundleError, open_bundle
from store.label_file import LabelFile, LabelFileError
from store.redis.rows import RedisRows
from store.redis.table_with_fallback import RedisTable
from store.tables import LmdbTable
from store.unknown_pages import FILE, SqliteUnknownPages
from store.valid_until import open_valid_until
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
    rules: LiveRules

    async def close(self) -> None:
        """Stop the threads and close the connections; threads that hang are abandoned."""
        for threads in (*self.recall.values(), self.ranking, self.cross_encoder):
            threads.shutdown(wait=False, cancel_futures=True)
        if self.redis is not None:
            await self.redis.close()


def load(
    bundles: Path,
    settings: Settings,
    *,
    redis_url: str | None = None,
    bundle: str | None = None,
    live_rules: bool = True,
    secret: bytes | None = None,
) -> Gateway:
    """Open the current bundle (or the named one) and return a gateway that is not warmed up yet.

    With `redis_url` the tables are read from Redis, where `onward push` put them. `live_rules`: whether the rules of
    the file and of Redis apply. Without `feedback.key_file`, `secret` (None: a random one) signs answer IDs. Raises
    BundleError, RedisUrlError and SettingsError.
    """
    opened = open_bundle(bundles, bundle)
    shared = share(settings, redis_url)
    unknown = _unknown_pages(bundles, settings, redis_url, shared.metrics)
    lists = _shared_cache(settings, shared)
    explored = Explored(unknown=unknown, labels=_labels(settings))
    effects = _side_effects(shared.metrics, unknown, lists, explored.asked if settings.explorer.enabled else None)
    loading = partial(load_bundle, settings=settings, shared=shared)
    ids = _answer_ids(settings, secret)
    names = None if ids is None else Names(ids)
    experiments = _experiments(settings)
    live = Live(loading(opened))
    recommender = Recommender(live, settings, shared.metrics, effects, lists, names, experiments)
    swaps = Swapper(bundles, recommender, settings, loading, follows=bundle is None)

    async def release() -> None:
        if unknown is not None:
            await unknown.close()
        await shared.close()

    authorizer = _authorizer(settings, redis_url, recommender.metrics)
    recorder = None
    if ids is not None:
        live, redis = recommender.live, shared.redis
        recorder = open_recorder(settings.feedback, bundles, ids, live, shared.metrics, redis_url, redis)
    sources = _rule_sources(settings, redis_url) if live_rules else []
    rules = RulesWatch(shared.rules, sources, settings.rules.watch_s, shared.metrics)
    rules.load(opened.url_rules)
    return Gateway(recommender, settings, release, authorizer, swaps, rules, recorder, explored)


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
    _check_features(opened)
    addresses = open_addresses(opened)
    tables = _tables(opened, shared)

    def close() -> None:
        for table in (*tables.values(), addresses):
            table.close()

    try:
        head = _head_of_stored(opened, tables, settings)
        expired = Expired(open_valid_until(opened), settings.freshness.oldest_days)
        steering = Steering(shared.rules, tables["pages"], addresses, expired)
        cascade = _cascade(opened, tables, addresses, steering, settings, shared)
    except BaseException:
        close()
        raise
    warmup = tuple(opened.manifest.warmup)
    loaded = LoadedBundle(
        opened.name,
        cascade,
        tables["pages"],
        addresses,
        close,
        warmup,
        steering=steering,
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


def _head_of_stored(bundle: Bundle, tables: Mapping[str, LmdbTable | RedisTable], settings: Settings) -> Head | None:
    """Return the head of the stored answers, None where none are served. Raises BundleError for another bundle's.

    With other limits than those that they were made with, every answer is computed.
    """
    if stored_answers.TABLE not in tables:
        return None
    table, ours = tables[stored_answers.TABLE], Head.of(bundle.manifest.files, choices(settings).limits())
    head = stored_answers.read_head(table.read(np.array([stored_answers.HEAD], np.uint64))[0])
    problem = "its head cannot be read" if head is None else head.problem(ours)
    if head is None or problem:
        raise BundleError(f"bundle {bundle.name}: {stored_answers.FILE}: {problem}: build the bundle again")
    if not settings.cache.stored:
        return None
    if changed := sorted(name for name, most in ours.limits.items() if head.limits.get(name) != most):
        log.warning("bundle %s: stored answers are not used: %s", bundle.name, _other_limits(head, ours, changed))
    return None if changed else head


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


def _answer_ids(settings: Settings, secret: bytes | None) -> AnswerIds | None:
    """Return what signs answer IDs; None where feedback is off. Raises SettingsError."""
    feedback, cache = settings.feedback, settings.cache
    if not feedback.enabled:
        return None
    kept_s = cache.ttl_s + cache.stale_s + cache.public_s + cache.public_stale_s
    if feedback.max_age_s <= kept_s:
        fix = f"raise it above {kept_s:g}, or lower the times of [cache]"
        raise SettingsError(f"feedback.max_age_s: answers are kept for longer than {feedback.max_age_s:g} s: {fix}")
    keys = key_file(Path(feedback.key_file)) if feedback.key_file else OneKey(secret or secrets.token_bytes(32))
    return AnswerIds(keys, feedback.max_age_s)


def _experiments(settings: Settings) -> Experiments | None:
    """Return the experiment of the file; None without one. Raises SettingsError."""
    if not settings.experiments.file:
        return None
    if not settings.feedback.enabled:
        raise SettingsError("experiments.file: arms are compared by readers' events: set feedback.enabled=true")
    return Experiments(Path(settings.experiments.file), settings)


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


def _rule_sources(settings: Settings, redis_url: str | None) -> list[Source]:
    """Return the file of rules and the rules in Redis, where there are such. Raises RedisUrlError."""
    sources: list[Source] = [RulesFile(Path(settings.rules.file))] if settings.rules.file else []
    if redis_url is not None:
        sources.append(RulesInRedis(stored_rules(redis_url, settings.redis)))
    return sources


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
