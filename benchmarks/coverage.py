"""How often the intervals of interleaving and of off-policy estimates cover the truth, on simulated experiments.

    python -m benchmarks.coverage --experiments 400

Interleaving: pages drawn from a site, with two arms' lists, drafted by `service/experiments/team_draft.py` anew for
every four readers of a page; the true share of the second arm is that of the whole site. Off-policy: a share of
the answers is shuffled by `service/experiments/exploring.py`, and the clicks of another ranking are known.
"""

from __future__ import annotations

import argparse
import json
from functools import cache
from random import Random

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evaluation.experiments.interleaving import credits_of
from evaluation.off_policy.estimators import estimate
from evaluation.off_policy.log import ExplorationLog
from service.experiments.exploring import explored
from service.experiments.team_draft import team_draft

Floats = NDArray[np.float64]
SHOWN, CANDIDATES, SHARE, SITE = 5, 10, 0.3, 3_000
RATE = 1 / np.arange(1, SHOWN + 1)
SPREAD = 0.5  # of the log of a reader's readiness to click: the clicks of a reader are alike


def main() -> None:
    """Print the shares of intervals that cover the truth."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=400)
    parser.add_argument("--first", type=int, default=0, help="seed of the first experiment")
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--impressions", type=int, default=4_000)
    given = parser.parse_args()
    seeds = range(given.first, given.first + given.experiments)
    off = [off_policy(seed, given.pages, given.impressions) for seed in seeds]
    covered = {name: round(float(np.mean([of[name] for of in off])), 4) for name in off[0]}
    between = [interleaved(seed, given.pages, given.impressions) for seed in seeds]
    print(json.dumps({"experiments": given.experiments, **covered, "interleaving": round(float(np.mean(between)), 4)}))


def off_policy(seed: int, pages: int, impressions: int) -> dict[str, bool]:
    """Return whether each estimate covers the clicks per answer that the other ranking truly gets."""
    rng, draw = np.random.default_rng([3, seed]), Random(seed)  # noqa: S311
    attracts = np.random.default_rng(1).uniform(0.02, 0.5, (pages, CANDIDATES))
    share = popularity(pages)
    page = rng.choice(pages, impressions, p=share)
    unit = np.repeat(np.arange(impressions), rng.geometric(0.25, impressions))[:impressions]
    drawn = [explored(range(CANDIDATES), SHOWN, SHARE, draw) for _ in range(impressions)]
    shown, propensity = (np.array([of[place] for of in drawn]) for place in (0, 1))
    ready = readiness(rng, impressions)[unit]
    clicked = rng.random(shown.shape) < np.minimum(ready[:, None] * RATE * attracts[page[:, None], shown], 1.0)
    other = np.argsort(-attracts * np.random.default_rng(2).lognormal(0, 0.4, attracts.shape), axis=1)[:, :SHOWN]
    true = float((share[:, None] * RATE * np.take_along_axis(attracts, other, axis=1)).sum())
    ids = np.uint64(1) + page.astype(np.uint64)
    log = ExplorationLog(ids, shown.astype(np.uint64) + np.uint64(1), propensity.astype(np.float64), clicked, unit)
    found = estimate(log, (other + 1).astype(np.uint64)[page])
    return {name: bool(of.low <= true <= of.high) for name in ("ips", "snips", "dr") for of in [getattr(found, name)]}


def interleaved(seed: int, pages: int, impressions: int) -> bool:
    """Return whether the interval covers the second arm's true share of the clicks."""
    rng, draw = np.random.default_rng([4, seed]), Random(seed)  # noqa: S311
    attracts, lists, weight = site()
    drawn = rng.choice(SITE, pages, replace=False)  # pages are what is resampled
    seen = np.zeros(SITE, np.int64)
    seen[drawn] = rng.poisson(impressions / pages * weight[drawn])
    rows: dict[str, list[object]] = {"arm": [], "url1": [], "day": [], "teams": [], "clicked": []}
    for page in np.flatnonzero(seen):
        for number in range(seen[page]):
            if number % 4 == 0:  # readers of a page and hour share a draft
                chosen, teams = team_draft([of[page].tolist() for of in lists], SHOWN, draw, int)
            clicks = np.flatnonzero(rng.random(SHOWN) < RATE * attracts[page, chosen])
            values = ("a+b", f"page {page}", number % 7, teams, (clicks + 1).tolist())
            for name, value in zip(rows, values, strict=True):
                rows[name].append(value)
    with duckdb.connect() as connection:
        connection.register("rows", pa.table({**rows, "teams": pa.array(rows["teams"], pa.list_(pa.int8()))}))
        connection.execute("CREATE TABLE impression AS FROM rows")
        [credit] = credits_of(connection, 0.05)
    return bool(credit.share.low <= true_share() <= credit.share.high)


@cache
def site() -> tuple[Floats, list[NDArray[np.int64]], Floats]:
    """Return the pages of the site: attraction of their candidates, both arms' lists, and visits (1 on average)."""
    rng = np.random.default_rng(5)
    attracts = rng.uniform(0.02, 0.5, (SITE, CANDIDATES))
    lists = [np.argsort(-attracts * rng.lognormal(0, blur, attracts.shape), axis=1)[:, :SHOWN] for blur in (0.9, 0.3)]
    return attracts, lists, rng.lognormal(-0.5, 1.0, SITE)


@cache
def true_share() -> float:
    """Return the second arm's share of the expected clicks of the site, over 50 drafts of each page."""
    draw, total = Random(0), np.zeros(2)  # noqa: S311
    attracts, lists, weights = site()
    for page, weight in enumerate(weights):
        for _ in range(50):
            chosen, teams = team_draft([of[page].tolist() for of in lists], SHOWN, draw, int)
            np.add.at(total, teams, weight * RATE * attracts[page, chosen])
    return float(total[1] / total.sum())


def popularity(pages: int) -> Floats:
    """Return the probability of each page: a few are visited often."""
    weight = 1 / np.arange(1, pages + 1) ** 0.8
    return weight / weight.sum()


def readiness(rng: np.random.Generator, units: int) -> Floats:
    """Return how readily each reader clicks, 1 on average."""
    return rng.lognormal(-(SPREAD**2) / 2, SPREAD, units)


if __name__ == "__main__":
    main()
