"""What readers' ways add: NDCG@5 of the next page of held-out sessions, asked with their earlier pages and without.

python -m benchmarks.histories BUNDLES CLICKS.parquet --since 2026-08-12 --until 2026-08-21

Each step of a session that has a way behind it is asked of a gateway in this process, as a client asks: the list of
a page is computed once, and ordered by each way. Intervals are by bootstrap over sessions.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from service.answers.request import MAX_HISTORY, Request
from service.bootstrap import load
from service.gateway import Gateway
from service.settings import read_settings

_SETTINGS = (
    "budget_ms=60000", "max_budget_ms=60000", "stage1.timeout_ms=60000", "stage2.timeout_ms=60000", "unknown.most=0",
    "cache.ttl_s=86400", "swap.watch_s=0",
)  # fmt: skip
_RESAMPLES = 1_000


class Step(NamedTuple):
    """One step of a held-out session."""

    session: str
    way: tuple[str, ...]  # newest last
    url1: str
    wanted: str


def steps(clicks: Path, since: datetime, until: datetime) -> Iterator[Step]:
    """Yield the steps of the sessions that began in the window, without the first of each."""
    table = pq.read_table(clicks, columns=["session", "url", "time"])
    table = table.sort_by([("session", "ascending"), ("time", "ascending")])
    sessions: dict[str, list[str]] = {}
    begun: dict[str, datetime] = {}
    for row in table.to_pylist():
        begun.setdefault(row["session"], row["time"].replace(tzinfo=UTC))
        sessions.setdefault(row["session"], []).append(row["url"])
    for session, urls in sessions.items():
        if since <= begun[session] < until:
            for at in range(1, len(urls) - 1):
                if urls[at] != urls[at + 1]:
                    yield Step(session, tuple(urls[max(0, at - MAX_HISTORY) : at]), urls[at], urls[at + 1])


async def gains(gateway: Gateway, asked: list[Step], weight: float | None) -> np.ndarray:
    """Return DCG@5 of each step's next page, [steps, 2]: without its way and with it."""
    found = np.zeros((len(asked), 2))
    for number, step in enumerate(asked):
        for column, way in enumerate(((), step.way)):
            request = Request(step.url1, history=way, quality_weight=weight)
            answer = await gateway.recommender.recommend(request)
            urls = [page.url for page in answer.recommendations]
            if step.wanted in urls:
                found[number, column] = 1 / np.log2(urls.index(step.wanted) + 2)
    return found


async def milliseconds(gateway: Gateway, asked: list[Step]) -> float:
    """Return what ordering a kept list by the way adds to an answer, at the median."""
    took: list[list[float]] = [[], []]
    for step in asked[:500]:
        for column, way in enumerate(((), step.way)):
            begun = time.perf_counter()
            await gateway.recommender.recommend(Request(step.url1, history=way, quality_weight=0.0))
            took[column].append(time.perf_counter() - begun)
    without, with_way = (1e3 * float(np.median(times)) for times in took)
    return with_way - without


async def measured(bundles: Path, asked: list[Step], weight: float | None) -> dict[str, object]:
    """Return the figures of a bundle."""
    gateway = load(bundles, read_settings(None, _SETTINGS, {}))
    try:
        found = await gains(gateway, asked, weight)
        adds_ms = await milliseconds(gateway, asked)
        session = gateway.live.bundle.session
    finally:
        await gateway.close()
    sessions, number = np.unique([step.session for step in asked], return_inverse=True)
    sums = np.stack([np.bincount(number, column, len(sessions)) for column in found.T])
    drawn = np.random.default_rng(0).integers(0, len(sessions), (_RESAMPLES, len(sessions)))
    resampled = sums[:, drawn].sum(axis=2)
    low, high = np.percentile(resampled[1] / resampled[0] - 1, (2.5, 97.5))
    without, with_way = found.mean(axis=0)
    return {
        "steps": len(asked), "sessions": len(sessions), "weight": 0.0 if session is None else session.weight,
        "ndcg": round(without, 4), "ndcg_with": round(with_way, 4), "gain": round(with_way / without - 1, 4),
        "interval": [round(low, 4), round(high, 4)], "adds_ms": round(adds_ms, 2),
    }  # fmt: skip


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", type=Path)
    parser.add_argument("clicks", type=Path)
    parser.add_argument("--since", type=_day, required=True)
    parser.add_argument("--until", type=_day, required=True)
    parser.add_argument("--most-steps", type=int, default=12_000)
    parser.add_argument("--quality-weight", type=float, help="λ; by default the bundle's")
    options = parser.parse_args()
    asked = list(steps(options.clicks, options.since, options.until))
    chosen = np.sort(np.random.default_rng(0).permutation(len(asked))[: options.most_steps])
    print(json.dumps(asyncio.run(measured(options.bundles, [asked[at] for at in chosen], options.quality_weight))))


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


if __name__ == "__main__":
    main()
