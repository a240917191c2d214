"""What `prepare` writes and the folds read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from text_model.tokens import Marks

PAIRS, FEATURES, TOKENS = "pairs.npz", "features.npz", "tokens.npz"


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token ids of the articles in an encoder's vocabulary, without special tokens."""

    ids: list[NDArray[np.uint32]]
    marks: Marks
    mask: int

    def save(self, path: Path) -> None:
        """Write one file."""
        lengths = np.array([len(row) for row in self.ids])
        np.savez(path, ids=np.concatenate(self.ids), lengths=lengths, special=np.array([*self.marks[:3], self.mask]))

    @classmethod
    def load(cls, path: Path, longest: int) -> Tokens:
        """Read what `save` wrote, cut to the `longest` first tokens."""
        with np.load(path) as file:
            rows = np.split(file["ids"], np.cumsum(file["lengths"])[:-1])
            *marks, mask = file["special"].tolist()
        return cls([row[:longest] for row in rows], Marks(*marks), mask)


@dataclass(frozen=True, slots=True)
class Golden:
    """The judged pairs, and what is known of all pairs of articles."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    good_rate: NDArray[np.float64]
    similar: NDArray[np.bool_]
    features: dict[str, NDArray[np.float32]]

    @classmethod
    def load(cls, cache: Path) -> Golden:
        """Read the cache."""
        with np.load(cache / PAIRS) as pairs, np.load(cache / FEATURES) as features:
            columns = (pairs[name] for name in ("first", "second", "good_rate", "similar"))
            return cls(*columns, {name: features[name] for name in features.files})

    @property
    def articles(self) -> int:
        """How many articles there are."""
        return len(self.features["overlap"])

    def deal(self, deal: int, folds: int) -> NDArray[np.int64]:
        """Return each article's fold: as `golden_student.py` draws it with the seed `deal`."""
        return np.random.default_rng(deal).permutation(self.articles) % folds

    def split(self, deal: int, folds: int, fold: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the pairs with no article of the fold, and those with both."""
        of = self.deal(deal, folds)
        left, right = of[self.first] == fold, of[self.second] == fold
        return np.flatnonzero(~left & ~right), np.flatnonzero(left & right)
