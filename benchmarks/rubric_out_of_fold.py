"""Measures the rubric out-of-fold, on pairs that its weights and curve were not fitted on.

python benchmarks/rubric_out_of_fold.py FILE

Articles are split into five folds. Pairs between folds a and b are judged with parameters chosen on the pairs that
have no article in a or b, so no article is on both sides. The parameters are the weight of the crosswise cosine, the
weight of the word overlap, and the curve.
"""

from __future__ import annotations

import sys
from itertools import combinations_with_replacement, product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from corpus.files.pairs import PairFile, fault, read_pairs
from evaluation.golden import accuracies
from evaluation.metrics.pairwise_accuracy import pairwise_accuracy
from ranking.quality.pages import JudgedPages, Pairs
from ranking.quality.text_pairs import RubricTextJudge, pages_of

FOLDS = 5
SEEDS = 3
CROSSWISE = (0.0, 0.25, 0.5, 0.75, 1.0)
WORDS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)


def main(path: Path) -> None:
    """Print the figures of the out-of-fold rubric for each seed, and those of the plain cosine."""
    file = read_pairs(path)
    good = [row for row, pair in enumerate(file.pairs) if not fault(pair)]
    file = PairFile([file.pairs[row] for row in good], {name: of[good] for name, of in file.labels.items()})
    judge = RubricTextJudge()
    pages, left, right = pages_of(file.pairs)
    vectors = judge.vectors(pages)
    words = np.sqrt(np.clip(Pairs(JudgedPages.from_table(pages), left, right).word_overlap(), 0, 1))
    topics = {
        (cross, share): (1 - share) * vectors.likeness(left, right, cross) + share * words
        for cross, share in product(CROSSWISE, WORDS)
    }
    scores = {"MiniLM cosine": judge.cosine(file.pairs)}
    for seed in range(SEEDS):
        folds = np.random.default_rng(seed).integers(0, FOLDS, len(pages))
        scores[f"rubric, seed {seed}"] = _out_of_fold(topics, file.labels["good_rate"], folds[left], folds[right])
    for figure in accuracies(file, scores):
        print(f"{figure.judge:<16} {figure.label:<28} {figure.accuracy}")


def _out_of_fold(
    topics: dict[tuple[float, float], NDArray[np.float32]],
    rate: NDArray[np.float64],
    fold1: NDArray[np.int64],
    fold2: NDArray[np.int64],
) -> NDArray[np.float32]:
    result = np.zeros(len(rate), np.float32)
    for a, b in combinations_with_replacement(range(FOLDS), 2):
        held_out = ((fold1 == a) & (fold2 == b)) | ((fold1 == b) & (fold2 == a))
        seen = ~np.isin(fold1, (a, b)) & ~np.isin(fold2, (a, b))
        best = max(topics.values(), key=lambda topic: pairwise_accuracy(topic[seen], rate[seen]))
        result[held_out] = _curve(best[seen], rate[seen], best[held_out])
    return result


def _curve(seen: NDArray[np.float32], rate: NDArray[np.float64], asked: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the logistic curve, fitted by least squares on `seen`, at `asked`: 0 to 4."""

    def logistic(middle_slope: NDArray[np.float64], topic: NDArray[np.float32]) -> NDArray[np.float64]:
        return 1 / (1 + np.exp((middle_slope[0] - topic) / middle_slope[1]))

    fitted = least_squares(lambda tried: logistic(tried, seen) - rate, [0.28, 0.1]).x
    return 4 * logistic(fitted, asked)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
