"""How alike two ranked lists are: shared pages, rank-biased overlap, and the order of what they share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import kendalltau

#: The chance that a reader looks at the next place: with 0.8, the first five places have 86 % of the weight.
PERSISTENCE = 0.8


def overlap(left: Sequence[str], right: Sequence[str], k: int = 5) -> float:
    """Return the share of the first k pages that both lists show; 1 for two empty lists."""
    one, other = set(left[:k]), set(right[:k])
    longest = max(len(one), len(other))
    return len(one & other) / longest if longest else 1.0


def rank_biased_overlap(left: Sequence[str], right: Sequence[str], p: float = PERSISTENCE) -> float:
    """Return the extrapolated rank-biased overlap, 0 to 1; upper places count more.

    Webber, Moffat and Zobel, "A similarity measure for indefinite rankings" (2010), equation 32, for lists without
    repeats; two empty lists are alike.
    """
    short, long = sorted((left, right), key=len)
    if not short:
        return 1.0 if not long else 0.0
    shared = [len(set(short[:depth]) & set(long[:depth])) for depth in range(1, len(long) + 1)]
    s, depth, in_short = len(short), len(long), shared[len(short) - 1]
    agreed = sum(shared[d - 1] / d * p**d for d in range(1, depth + 1))
    agreed += sum(in_short * (d - s) / (s * d) * p**d for d in range(s + 1, depth + 1))
    rest = ((shared[-1] - in_short) / depth + in_short / s) * p**depth
    return float(min(1.0, max(0.0, (1 - p) / p * agreed + rest)))


def rank_correlation(left: Sequence[str], right: Sequence[str]) -> float:
    """Return Kendall's τ of the pages that both lists show, -1 to 1; NaN for fewer than two."""
    places = {page: place for place, page in enumerate(right)}
    common = [page for page in left if page in places]
    if len(common) < 2:
        return float("nan")
    return float(kendalltau(np.arange(len(common)), [places[page] for page in common]).statistic)
