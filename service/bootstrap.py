"""Builds the gateway around a bundle that `bundles/opening.py` opens: caches, rules, events, experiments, keys."""

from __future__ import annotations

import logging
import secrets
from functools import partial
from pathlib import Path

from configs.reading import SettingsError
from corpus.urls.url_rules import UrlRules
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
from service.bundles.opening import Shared, load_bundle, share
from service.bundles.redis_tables import stored_rules, unknown_pages
from service.bundles.swap import Swapper
from service.events.opening import open_recorder
from service.experiments.live_experiment import Experiments
from service.gateway import Explored, Gateway
from service.live_bundle import Live
from service.metrics import Metrics
from service.rules.sources import RulesFile, RulesInRedis, Source
from service.rules.watch import RulesWatch
from service.settings import Settings
from store.bundle import open_bundle
from store.label_file import LabelFile, LabelFileError
from store.unknown_pages import FILE, SqliteUnknownPages

log = logging.getLogger(__name__)


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
    experiments = _experiments(settings, shared.metrics, opened.url_rules)
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


def _experiments(settings: Settings, metrics: Metrics, url_rules: UrlRules) -> Experiments | None:
    """Return the experiment of the file; None without one. Raises SettingsError."""
    if not settings.experiments.file:
        return None
    if not settings.feedback.enabled:
        raise SettingsError("experiments.file: arms are compared by readers' events: set feedback.enabled=true")
    return Experiments(Path(settings.experiments.file), settings, metrics, url_rules)


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
