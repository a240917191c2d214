"""Trains and tests every variant on one fold of one deal; writes the scores of its tested pairs.

python -m benchmarks.golden.fold CACHE --deal 0 --fold 0 --folds 5 --out DIRECTORY
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from benchmarks.golden.cache import Golden
from benchmarks.golden.models import Extra, Judge, Shape, adapt_to, logits_of, train
from benchmarks.golden.variants import EXTRAS, TEACHERS, VARIANTS
from ranking.cross_encoder.examples import Labels
from text_model.training import Batch

BEST = 4.0
_FEW = 64  # pairs of a trial's pool
_JUDGED, _POOL, _NEAR = 1_000, 4_000, 20  # pairs of each kind, for the labels and for the pool; neighbours


def main() -> None:
    """Write `<deal>.<fold>.npz`: the tested rows and the scores by name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cache", type=Path)
    for name in ("deal", "fold", "folds", "threads", "steps"):
        parser.add_argument(f"--{name}", type=int, default={"folds": 5, "threads": 1}.get(name, 0))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", default="", help="variants, separated by commas; all if empty")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    golden = Golden.load(options.cache)
    learnt, tested = golden.split(options.deal, options.folds, options.fold)
    fold = Fold(options.cache, golden, learnt, tested, options.deal * 100 + options.fold, options.steps)
    wanted = options.only.split(",") if options.only else list(VARIANTS)
    scores = {name: golden.features[name][golden.first[tested], golden.second[tested]] for name in golden.features}
    for name in wanted:
        start = time.perf_counter()
        scores[name] = fold.scores(name)
        print(f"deal {options.deal} fold {options.fold} {name}: {time.perf_counter() - start:.1f} s", flush=True)
    beside = options.out / f".{options.deal}.{options.fold}.npz"
    np.savez(beside, rows=tested, **scores)
    beside.rename(options.out / f"{options.deal}.{options.fold}.npz")


class Fold:
    """One fold: what a judge may learn from, and the pairs that test it."""

    def __init__(
        self, cache: Path, golden: Golden, learnt: NDArray[np.int64], tested: NDArray[np.int64], seed: int, steps: int
    ) -> None:
        self.cache, self.golden, self.seed, self.steps = cache, golden, seed, steps
        self.learnt, self.tested = learnt, tested
        self.own = np.unique(np.concatenate([golden.first[learnt], golden.second[learnt]]))
        self.made: dict[str, tuple[Judge, Shape]] = {}
        self.taught: dict[str, NDArray[np.float32]] = {}

    def scores(self, name: str) -> NDArray[np.float32]:
        """Return a variant's scores of the tested pairs, 0 to 4."""
        judge, shape = self._judge(name)
        page1, page2 = self.golden.first[self.tested], self.golden.second[self.tested]
        return expected(logits_of(judge, shape, page1, page2, self._extra(shape)))

    def _judge(self, name: str) -> tuple[Judge, Shape]:
        if name not in self.made:
            shape = VARIANTS[name]
            shape = replace(shape, steps=self.steps) if self.steps else shape
            torch.manual_seed(self.seed)
            judge = Judge(self.cache, shape)
            if shape.adapted:
                adapt_to(judge, shape, self.own, self.seed)
            train(judge, shape, self._drawing(judge, shape, TEACHERS.get(name, ())))
            self.made[name] = judge, shape
        return self.made[name]

    def _extra(self, shape: Shape) -> Extra:
        tables = [self.golden.features[name] for name in EXTRAS[: shape.extras]]
        tables = [table / BEST if "rubric" in name else table for name, table in zip(EXTRAS, tables, strict=False)]
        of = np.stack(tables, axis=-1) if tables else np.empty((self.golden.articles, self.golden.articles, 0))
        return lambda page1, page2: of[page1, page2].astype(np.float32)

    def _drawing(self, judge: Judge, shape: Shape, teachers: tuple[str, ...]) -> Callable[[int], Batch]:
        labels, extra = self._labels(), self._extra(shape)
        pool = self._pool() if teachers else None
        logits = np.mean([self._taught(name, pool) for name in teachers], axis=0) if pool is not None else None

        def draw(step: int) -> Batch:
            batch: dict[str, object] = {}

            def inputs(page1: NDArray[np.int64], page2: NDArray[np.int64]) -> Batch:
                turned = np.random.default_rng((self.seed, step, 7)).random(len(page1)) < (0.5 if shape.swap else 0)
                return judge.inputs(np.where(turned, page2, page1), np.where(turned, page1, page2), extra)

            if shape.labels:
                found = labels.batch(inputs, shape.labels, shape.given, self.seed, step)
                batch |= {"labels": found["pairs"], "quality": found["quality"]}
            if pool is not None and logits is not None:
                rows = np.random.default_rng((self.seed, step, 3)).integers(0, len(logits), shape.pool)
                batch |= {"pool": inputs(pool[0][rows], pool[1][rows]), "logits": torch.from_numpy(logits[rows])}
            return batch

        return draw

    def _labels(self) -> Labels:
        """Return people's labels, and the rubric's of other pairs on the scale of people's: as the build's."""
        golden = self.golden
        given = np.stack([golden.first[self.learnt], golden.second[self.learnt]], axis=1)
        quality = BEST * golden.good_rate[self.learnt]
        judged = self._pairs(_JUDGED)
        known = set(map(tuple, given.tolist()))
        judged = judged[[tuple(pair) not in known for pair in judged.tolist()]]
        rubric = golden.features["minilm rubric"]
        seen = rubric[given[:, 0], given[:, 1]]
        order = np.argsort(seen, kind="stable")
        fitted = isotonic_regression(quality[order]).x
        scaled = np.interp(rubric[judged[:, 0], judged[:, 1]], seen[order], fitted)
        both = np.concatenate([given, judged])
        people = np.arange(len(both)) < len(given)
        return Labels(both[:, 0], both[:, 1], np.concatenate([quality, scaled]).astype(np.float32), people)

    def _pairs(self, count: int) -> NDArray[np.int64]:
        """Return near pairs and random pairs of the fold's own articles, at most `count` of each."""
        generator, own = np.random.default_rng(self.seed), self.own
        cosine = self.golden.features["minilm cosine"][np.ix_(own, own)].copy()
        np.fill_diagonal(cosine, -1)
        near = np.argsort(-cosine, axis=1)[:, :_NEAR]
        close = np.stack([np.repeat(own, near.shape[1]), own[near.ravel()]], axis=1)
        strangers = generator.choice(own, (count, 2))
        pairs = np.unique(np.concatenate([close[generator.permutation(len(close))[:count]], strangers]), axis=0)
        return pairs[pairs[:, 0] != pairs[:, 1]]

    def _pool(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        pairs = np.concatenate([
            self._pairs(_POOL),
            np.stack([self.golden.first[self.learnt], self.golden.second[self.learnt]], axis=1),
        ])  # fmt: skip
        if self.steps:  # a trial
            pairs = pairs[:_FEW]
        return pairs[:, 0], pairs[:, 1]

    def _taught(self, name: str, pool: tuple[NDArray[np.int64], NDArray[np.int64]]) -> NDArray[np.float32]:
        if name not in self.taught:
            judge, shape = self._judge(name)
            self.taught[name] = logits_of(judge, shape, *pool, self._extra(shape))
        return self.taught[name]


def expected(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the expected class, 0 to 4."""
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (odds @ np.arange(logits.shape[1]) / odds.sum(axis=1)).astype(np.float32)


if __name__ == "__main__":
    main()
