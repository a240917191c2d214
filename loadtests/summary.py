"""Results of a load test: figures as JSON and as a table, and whether they are within the budget."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from rich.table import Table

_CACHED = ("hit", "stale", "joined")


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits that a load test must not exceed."""

    p99_ms: float
    error_share: float


def summary(
    found: dict[str, Any], before: Counter[str], after: Counter[str], budget: Budget, parameters: dict[str, Any]
) -> dict[str, Any]:
    """Return all figures of a test; `found` is Locust's output, `parameters` are those of the test."""
    everything = found["by_protocol"]["all"]
    answers = everything["requests"] - everything["errors"]
    grown = Counter({name: after[name] - before[name] for name in after})
    lookups = {result: grown[f"onward_cache_total{{{result}}}"] for result in (*_CACHED, "miss")}
    return {
        **parameters,
        "by_protocol": found["by_protocol"],
        "errors": found["errors"],
        "error_share": _share(everything["errors"], everything["requests"]),
        "degraded_share": _share(found["degraded"], answers),
        "degraded_by_reason": _by_label(grown, "onward_degraded_total"),
        "cache_hit_share": _share(sum(lookups[result] for result in _CACHED), sum(lookups.values())),
        "budget": {"p99_ms": budget.p99_ms, "error_share": budget.error_share},
        "broken": exceeded(everything, budget),
    }


def exceeded(everything: dict[str, Any], budget: Budget) -> list[str]:
    """Return a message for each limit that was exceeded."""
    if everything["requests"] == 0:
        return ["no request was sent"]
    found = []
    if everything["p99_ms"] > budget.p99_ms:
        found.append(f"p99 is {everything['p99_ms']:.0f} ms; the budget is {budget.p99_ms:.0f} ms")
    if (share := everything["errors"] / everything["requests"]) > budget.error_share:
        found.append(f"{share:.2%} of the requests failed; the budget is {budget.error_share:.2%}")
    return found


def table(figures: dict[str, Any]) -> Table:
    """Return the figures as a table for a terminal."""
    columns = ("requests", "requests_per_s", "p50_ms", "p95_ms", "p99_ms", "errors")
    made = Table("", *(name.replace("_per_s", "/s").replace("_ms", " ms") for name in columns))
    for protocol, row in figures["by_protocol"].items():
        made.add_row(protocol, *(f"{row[name]:,.0f}" if row[name] is not None else "-" for name in columns))
    shares = ("error_share", "degraded_share", "cache_hit_share")
    made.caption = ", ".join(f"{name.removesuffix('_share')} {figures[name]:.1%}" for name in shares)
    return made


def _share(part: float, whole: float) -> float:
    return round(part / whole, 5) if whole else 0.0


def _by_label(counted: Counter[str], metric: str) -> dict[str, float]:
    labelled = ((re.fullmatch(rf"{metric}{{(.*)}}", name), value) for name, value in counted.items())
    return {found[1]: value for found, value in labelled if found and value}
