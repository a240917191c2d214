"""Whether an experiment's statistics keep their promises, on simulated experiments with a known effect.

    python -m benchmarks.experiments --experiments 200 --readers 1500 --out experiments.json
    python -m benchmarks.experiments --experiments 1400 --readers 1500 --intervals

Readers of a simulated web come back for 14 days, after 14 days that serve as a pre-period. Measured are: how often the
95 % intervals cover the true difference, with and without CUPED; how often A/A experiments raise a false alarm if one
looks every day; how often a real effect is found.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from corpus.simulated_web import experiment as simulated
from corpus.simulated_web.experiment import BEGIN, DAY, Habits, Site
from corpus.simulated_web.pages import grow
from evaluation.experiments.metrics import CLICKS_PER_ANSWER
from evaluation.experiments.panel import aggregates
from evaluation.experiments.report import Options, Report, report_on

HABITS = Habits()
SHOWN = 5
NOISE = {"control": 0.9, "better": 0.2}


def main() -> None:
    """Run the experiments and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="seed of the first experiment")
    parser.add_argument("--readers", type=int, default=4_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--intervals", action="store_true", help="only the coverage of plain intervals: no files, fast")
    given = parser.parse_args()
    if given.intervals:
        covered = [_covers(seed, given.readers) for seed in range(given.first, given.first + given.experiments)]
        return print(json.dumps({"experiments": len(covered), "covered": round(float(np.mean(covered)), 4)}))
    jobs = [(seed, given.readers) for seed in range(given.first, given.first + given.experiments)]
    found: list[dict[str, float]] = []
    with ProcessPoolExecutor(given.workers) as pool:
        for of_one in pool.map(_run, jobs):
            found.append(of_one)
            if given.out:  # what is there so far, if it is stopped
                given.out.write_text(json.dumps(summary(found, given.readers), indent=2))
    print(json.dumps(summary(found, given.readers), indent=2))


def _run(job: tuple[int, int]) -> dict[str, float]:
    """Return 0 or 1 for every promise of one experiment with an effect, and of one without."""
    seed, readers = job
    of, lists = site()
    true = [b - a for a, b in zip(*(simulated.rates(of, lists[name], HABITS) for name in NOISE), strict=True)]
    effect = run(of, lists, readers, seed, before=True)
    plain = run(of, lists, readers, seed, before=False)
    same = run(of, {"control": lists["control"], "same": lists["control"]}, readers, 100_000 + seed, before=False)
    return {
        **{f"covered, {name}": float(value) for name, value in _covered(plain, true)},
        **{f"covered with CUPED, {name}": float(value) for name, value in _covered(effect, true)},
        "width with CUPED / without": _width(effect) / _width(plain),
        "always-valid intervals cover on all days": _always_covered(plain, true[0]),
        "false alarms, always valid, daily looks": float(any(of.found for of in same.differences[:1])),
        "false alarms, one look": float(same.differences[0].p_value < 0.05),
        "sample-ratio alarms": float(same.mismatch < 0.001),
        "effect found, always valid": float(effect.differences[0].found),
        "effect found, one look": float(effect.differences[0].p_value < 0.05),
    }


@cache
def site() -> tuple[Site, dict[str, np.ndarray]]:
    """Return the pages that readers visit, and the lists of each arm."""
    of = simulated.site(grow(2_000, 0), 300, 0)
    return of, {name: of.ranked(noise, SHOWN, number) for number, (name, noise) in enumerate(NOISE.items())}


def run(of: Site, lists: dict[str, np.ndarray], readers: int, seed: int, before: bool) -> Report:
    """Simulate one experiment, write its events, and read them back as the command does."""
    rng = np.random.default_rng([7, seed])
    readiness = simulated.readers(readers, HABITS, rng)
    names = np.array(list(lists))[rng.integers(len(lists), size=readers)]
    seen = simulated.visits(of, readiness, HABITS, rng)
    table = simulated.events(of, seen, lists, names[seen.unit].tolist(), rng, "ranking")
    if before:
        earlier = simulated.visits(of, readiness, HABITS, rng, BEGIN - HABITS.days * DAY)
        control = {"control": lists["control"]}
        old = simulated.events(of, earlier, control, ["control"] * len(earlier.unit), rng, None)
        table = pa.concat_tables([old, table])
    with TemporaryDirectory(prefix="onward-experiment-") as name:
        path = Path(name) / "events.parquet"
        pq.write_table(table, path)
        return report_on(path, "ranking", Options(control="control"))


def _covers(seed: int, readers: int) -> bool:
    """Return whether the interval of clicks per answer covers the true difference, from sums alone."""
    of, lists = site()
    control, better = (simulated.rates(of, lists[name], HABITS)[0] for name in NOISE)
    rng = np.random.default_rng([11, seed])
    readiness, arm = simulated.readers(readers, HABITS, rng), rng.integers(2, size=readers)
    seen = simulated.visits(of, readiness, HABITS, rng)
    chance = np.stack([of.chances(lists[name]) for name in NOISE])[arm[seen.unit], seen.page]
    clicks = (rng.random(chance.shape) < np.minimum(seen.readiness[:, None] * chance, 1.0)).sum(axis=1)
    sums = {"impressions": np.bincount(seen.unit, minlength=readers), "clicks": np.bincount(seen.unit, clicks, readers)}
    arms = [aggregates({name: of_all[arm == i].astype(np.float64) for name, of_all in sums.items()}) for i in (0, 1)]
    found = CLICKS_PER_ANSWER.test(0.95).analyze_aggregates(*arms)
    return bool(found.effect_size_ci_lower <= better - control <= found.effect_size_ci_upper)


def _covered(report: Report, true: list[float]) -> Iterator[tuple[str, bool]]:
    for of, value in zip(report.differences, true, strict=False):  # RecoDCG has no true value here
        yield of.metric.name, of.absolute.low <= value <= of.absolute.high


def _always_covered(report: Report, true: float) -> float:
    looks = report.differences[0].looks
    return float(all(of.difference.low <= true <= of.difference.high for of in looks))


def _width(report: Report) -> float:
    return report.differences[0].absolute.high - report.differences[0].absolute.low


def summary(found: list[dict[str, float]], readers: int) -> dict[str, float]:
    """Return the mean of every figure over the experiments."""
    means = {name: round(float(np.mean([of[name] for of in found])), 4) for name in found[0]}
    return {"experiments": len(found), "readers": readers, **means}


if __name__ == "__main__":
    main()
