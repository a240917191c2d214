"""The traffic of this process since its start: counts from its metrics, which the page turns into rates."""

from __future__ import annotations

import os
import sqlite3
import time
from collections import Counter, defaultdict
from typing import Any

from prometheus_client.metrics_core import Metric
from redis.exceptions import RedisError

from service.answers.page_counts import Tally
from service.experiments.experiment import AND
from service.gateway import Gateway

_LISTED = 10  # pages
_MIN_COUNT = 5  # pages that were asked for less often are not listed: their readers could be told apart
_ROUTES = frozenset({"/recommend", "/recommend/batch"})
#: Metric -> its label, by which the page shows counts.
_COUNTS = {
    "onward_answers": ("answers", "served_by"),
    "onward_degraded": ("degraded", "reason"),
    "onward_refused": ("refused", "reason"),
    "onward_cache": ("cache", "result"),
    "onward_recommendations": ("recommended", "path"),
}
_GAUGES = ("onward_running", "onward_waiting", "onward_limit", "onward_connections", "onward_cache_bytes")


class Traffic:
    """Reads a gateway's metrics as plain JSON values."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway, self._started = gateway, time.monotonic()

    async def now(self) -> dict[str, Any]:
        """Return all counts, which begin at 0 with the process; `at_s` is the time since its start."""
        families = {family.name: family for family in self._gateway.metrics.registry.collect()}
        return {
            "process": os.getpid(),
            "bundle": self._gateway.bundle,
            "at_s": time.monotonic() - self._started,
            "latency": _latency(families["onward_request_seconds"]),
            "stages": _stages(families["onward_stage_milliseconds"]),
            **{key: _by_label(families[name], label) for name, (key, label) in _COUNTS.items()},
            "arms": _arms(families["onward_arm_answers"], families["onward_arm_events"]),
            **{name.removeprefix("onward_"): families[name].samples[0].value for name in _GAUGES},
            **await self._pages(),
        }

    async def _pages(self) -> dict[str, Any]:
        asked, unknown = self._gateway.explored.asked, self._gateway.explored.unknown
        try:
            waiting = None if unknown is None else await unknown.count()
        except (sqlite3.Error, RedisError, OSError):  # the page shows that it is not known
            waiting = None
        return {"top": _top(asked.known), "top_unknown": _top(asked.unknown), "unknown_waiting": waiting}


def _top(tally: Tally) -> list[dict[str, Any]]:
    return [{"url": url, "count": count} for url, count in tally.top(_LISTED) if count >= _MIN_COUNT]


def _by_label(family: Metric, label: str) -> dict[str, float]:
    return {sample.labels[label]: sample.value for sample in family.samples if sample.name.endswith("_total")}


def _arms(answers: Metric, events: Metric) -> list[dict[str, Any]]:
    """Return each arm's answers and events; an answer of two arms counts for both, as its impressions do."""
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for family in (answers, events):
        for sample in family.samples:
            if sample.name.endswith("_total"):
                kind = sample.labels.get("kind", "answers")
                for arm in sample.labels["arm"].split(AND):
                    found[sample.labels["experiment"], arm][kind] += int(sample.value)
    return [{"experiment": experiment, "arm": arm, **counts} for (experiment, arm), counts in found.items()]


def _latency(family: Metric) -> list[dict[str, float | None]]:
    """Return how many answers took at most so many seconds, as a cumulative histogram; the last bucket has no bound."""
    counts: dict[float, float] = defaultdict(float)
    for sample in family.samples:
        if sample.name.endswith("_bucket") and _is_answer(sample.labels):
            counts[float(sample.labels["le"])] += sample.value
    return [{"most_s": bound if bound < float("inf") else None, "count": count} for bound, count in counts.items()]


def _is_answer(labels: dict[str, str]) -> bool:
    return labels["protocol"] == "grpc" or labels["route"] in _ROUTES


def _stages(family: Metric) -> dict[str, dict[str, float]]:
    """Return each stage's runs and their milliseconds in all."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for sample in family.samples:
        for key, suffix in (("runs", "_count"), ("ms", "_sum")):
            if sample.name.endswith(suffix):
                found[sample.labels["stage"]][key] = sample.value
    return found
