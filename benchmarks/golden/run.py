"""Cross-validates judges on golden pairs, one process per fold, and prints one table.

python -m benchmarks.golden.run CACHE --deals 6 --folds 5 --device cuda --jobs 6 --out RESULTS

`benchmarks.golden.prepare` writes CACHE. A fold that is finished in RESULTS is not run again. `device` is cuda or cpu.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.golden.cache import Golden
from benchmarks.golden.variants import SUMS
from evaluation.metrics.pairwise_accuracy import pairwise_accuracy


def main() -> None:
    """Run the folds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--deals", type=int, default=6)
    parser.add_argument("--first-deal", type=int, default=0)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only-folds", type=int, default=0, help="run so many folds of each deal; 0: all")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cpu")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--steps", type=int, default=0, help="instead of each variant's own")
    parser.add_argument("--only", default="")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--until-s", type=float, default=1e9, help="start no fold after so many seconds")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    deals = range(options.first_deal, options.first_deal + options.deals)
    folds = list(product(deals, range(options.only_folds or options.folds)))
    begun = time.monotonic()

    def run(place: tuple[int, int]) -> None:
        deal, fold = place
        if (options.out / f"{deal}.{fold}.npz").is_file() or time.monotonic() - begun > options.until_s:
            return
        hidden = {} if options.device == "cuda" else {"CUDA_VISIBLE_DEVICES": ""}
        command = [sys.executable, "-m", "benchmarks.golden.fold", str(options.cache), "--out", str(options.out)]
        for name, value in (
            ("deal", deal), ("fold", fold), ("folds", options.folds), ("steps", options.steps), ("only", options.only),
        ):  # fmt: skip
            command += [f"--{name}", str(value)]
        subprocess.run(command, check=True, env={**os.environ, **hidden})  # noqa: S603

    with ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(run, folds))
    table = figures(Golden.load(options.cache), options.out, options.folds)
    (options.out / "figures.json").write_text(json.dumps(table, indent=1))
    print(f"{'judge':<40} {'good_rate':>9} {'sd':>6} {'similar':>9} {'sd':>6}  deals")
    for name, (good, good_sd, similar, similar_sd, count) in sorted(table.items(), key=lambda row: -row[1][0]):
        print(f"{name:<40} {good:>9.4f} {good_sd:>6.4f} {similar:>9.4f} {similar_sd:>6.4f}  {count}")


def figures(golden: Golden, out: Path, folds: int) -> dict[str, tuple[float, float, float, float, int]]:
    """Return accuracy on `good_rate` and among similar pairs by judge: mean and deviation over whole deals."""
    found: dict[str, list[tuple[float, float]]] = {}
    deals = sorted({int(path.name.split(".")[0]) for path in out.glob("[0-9]*.npz")})
    for deal in deals:
        paths = [out / f"{deal}.{fold}.npz" for fold in range(folds)]
        parts = [with_sums(dict(np.load(path))) for path in paths if path.is_file()]
        rows = np.concatenate([part.pop("rows") for part in parts])
        truth, similar = golden.good_rate[rows], golden.similar[rows]
        for name in set.intersection(*(set(part) for part in parts)):
            score = np.concatenate([part[name] for part in parts])
            both = pairwise_accuracy(score, truth), pairwise_accuracy(score[similar], truth[similar])
            found.setdefault(name, []).append(both)
    return {
        name: (*np.ravel([(np.mean(of), np.std(of)) for of in zip(*values, strict=True)]).tolist(), len(values))
        for name, values in found.items()
    }


def with_sums(scores: dict[str, NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
    """Return the scores and their SUMS."""
    sums = {
        name: np.sum([scores[part] for part in parts], axis=0)
        for name, parts in SUMS.items()
        if all(part in scores for part in parts)
    }
    return {**scores, **sums}


if __name__ == "__main__":
    main()
