"""The gateway's Prometheus metrics, in a registry per gateway: several in one process do not mix."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.registry import Collector

log = logging.getLogger(__name__)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5)
_MILLISECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 75, 100, 150, 250, 500, 1000)
_CANDIDATES = (0, 1, 5, 10, 30, 60, 100, 150, 256, 500)


class _BeforeReading(Collector):
    """Comes first in a registry, and so is asked before any metric is read, unless only some are asked for by name."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], None]] = []

    def collect(self) -> Iterable[Metric]:
        for call in self.calls:
            try:
                call()
            except Exception:
                log.exception("what is counted before metrics are read is missing")
        return ()


class Metrics:
    """All metrics of one gateway; each is changed where the event happens, or before it is read."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self._before_reading = _BeforeReading()
        registry.register(self._before_reading)
        self.requests = Counter(
            "onward_requests", "Requests by route and status", ["protocol", "route", "status"], registry=registry
        )
        self.latency = Histogram(
            "onward_request_seconds", "Time to answer", ["protocol", "route"], buckets=_SECONDS, registry=registry
        )
        self.stage = Histogram(
            "onward_stage_milliseconds", "Time spent in a stage", ["stage"], buckets=_MILLISECONDS, registry=registry
        )
        self.degraded = Counter("onward_degraded", "Answers with a part missing", ["reason"], registry=registry)
        self.recalled = Histogram(
            "onward_recall_candidates",
            "Candidates per recall path",
            ["path"],
            buckets=_CANDIDATES,
            registry=registry,
        )
        self.shown = Counter(
            "onward_recommendations",
            "Recommended pages, by recall path",
            ["path"],
            registry=registry,
        )
        self.cache = Counter("onward_cache", "Look-ups in the answer cache", ["result"], registry=registry)
        self.served = Counter(
            "onward_answers", "Answers by source: stored, computed, cache", ["served_by"], registry=registry
        )
        self.arms = Counter(
            "onward_arm_answers", "Answers by arm of the experiment", ["experiment", "arm"], registry=registry
        )
        self.arm_events = Counter(
            "onward_arm_events",
            "Recorded events by the arm that they are credited to; an impression of two arms' list counts for both",
            ["experiment", "arm", "kind"],
            registry=registry,
        )
        self.arms_problem = Gauge(
            "onward_arms_problem", "1 while the file of arms is refused, and the previous arms stay", registry=registry
        )
        self._arm_bundle = Gauge(
            "onward_arm_bundle_info",
            "Arms that answer from a bundle of their own",
            ["experiment", "arm", "bundle"],
            registry=registry,
        )
        self.stored_corrupt = Counter(
            "onward_stored_corrupt", "Stored answers that were corrupt, and computed", registry=registry
        )
        self.redis = Counter("onward_redis_calls", "Calls to Redis, by result", ["result"], registry=registry)
        self.redis_local = Counter(
            "onward_redis_local",
            "Reads answered from the bundle's own tables, by reason",
            ["why"],
            registry=registry,
        )
        self.redis_breaker = Gauge(
            "onward_redis_breaker_state", "0 closed, 1 half-open, 2 open", ["server"], registry=registry
        )
        self.limit = Gauge("onward_limit", "Computations that may run in parallel", registry=registry)
        self.running = Gauge("onward_running", "Computations running", registry=registry)
        self.waiting = Gauge("onward_waiting", "Computations waiting for a slot", registry=registry)
        self.connections = Gauge("onward_connections", "Open HTTP connections", registry=registry)
        self.tasks = Gauge("onward_tasks", "Tasks on the event loop", registry=registry)
        self.refused = Counter("onward_refused", "Requests refused, by reason", ["reason"], registry=registry)
        self.cache_bytes = Gauge("onward_cache_bytes", "Bytes held by the answer cache", registry=registry)
        self.address_bytes = Gauge("onward_address_bytes", "Bytes held by the cache of URLs", registry=registry)
        self.unknown_dropped = Counter(
            "onward_unknown_dropped", "Unknown pages not queued for a refresh, by reason", ["why"], registry=registry
        )
        self.side_effect_failed = Counter(
            "onward_side_effect_failed", "Failures of side effects, by name", ["name"], registry=registry
        )
        self.rules = Gauge("onward_rules", "Rules, whether their time has come or not", registry=registry)
        self.rules_problem = Gauge(
            "onward_rules_problem",
            "1 while a source's rules are refused or unreachable",
            ["source"],
            registry=registry,
        )
        self.rules_refused = Counter(
            "onward_rules_refused", "Changes of rules that were refused, by source", ["source"], registry=registry
        )
        self.rule_hits = Counter(
            "onward_rule_hits", "Answers whose list a rule acted on", ["action", "rule"], registry=registry
        )
        self.purges = Counter(
            "onward_purges", "Calls to the outside cache's webhook, by result", ["result"], registry=registry
        )
        self.events = Counter(
            "onward_events",
            "Events by result, or by the reason of their rejection",
            ["result"],
            registry=registry,
        )
        self.spool_bytes = Gauge("onward_events_spool_bytes", "Events that the sink has not taken", registry=registry)
        self.sink_failed = Counter("onward_events_sink_failed", "Times that the sink took no events", registry=registry)
        self.swaps = Counter("onward_swaps", "Bundles that became live by a swap", registry=registry)
        self.refused_bundles = Counter(
            "onward_bundle_refused", "Bundles refused, by reason", ["reason"], registry=registry
        )
        self._bundle = Gauge("onward_bundle_info", "The live bundle", ["bundle"], registry=registry)

    def before_reading(self, call: Callable[[], None]) -> None:
        """Call this whenever the metrics are about to be read."""
        self._before_reading.calls.append(call)

    def set_bundle(self, bundle: str) -> None:
        """Name the live bundle; the previous one is no longer listed."""
        self._bundle.clear()
        self._bundle.labels(bundle).set(1)

    def set_arms(self, experiment: str, bundles: Mapping[str, str]) -> None:
        """Name the bundles of the arms that have their own; those of the previous experiment are no longer listed."""
        self._arm_bundle.clear()
        for arm, bundle in bundles.items():
            if bundle:
                self._arm_bundle.labels(experiment, arm, bundle).set(1)

    def text(self) -> bytes:
        """Return the metrics in the Prometheus text format."""
        return generate_latest(self.registry)
