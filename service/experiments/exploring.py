"""Exploration with known propensities: a share of the answers shows the best pages in uniformly random order."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


def explored(ranked: Sequence[T], k: int, share: float, draw: Random) -> tuple[list[T], list[float], bool]:
    """Return the first `k` of `ranked`, or in a `share` of draws of a shuffle of it; the propensity of each place; and
    whether it is a shuffle.

    That is the probability of this entry at this place, over all draws: `share` / n, and 1 - `share` more where the
    ranking itself has it there.
    """
    order = list(range(len(ranked)))
    if shuffled := draw.random() < share:
        draw.shuffle(order)
    shown = order[:k]
    by_chance = share / len(order) if order else 0.0
    propensities = [by_chance + (1 - share) * (i == place) for place, i in enumerate(shown)]
    return [ranked[i] for i in shown], propensities, shuffled
