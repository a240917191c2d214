"""LightGBM scorers: stage 1 with cheap features, stage 2 with all of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cascade.types import Candidates, Query
from ranking.features import Matrix, matrix


@contextmanager
def _without_optional_imports() -> Iterator[None]:
    """Hide pandas and scikit-learn, which LightGBM imports if it can: 1.5 s and 60 MB that serving does not need."""
    blocked = [name for name in ("pandas", "sklearn", "pyarrow") if name not in sys.modules]
    sys.modules.update(dict.fromkeys(blocked))  # type: ignore[arg-type]  # None makes the import fail
    try:
        yield
    finally:
        for name in blocked:
            del sys.modules[name]


# Waiting threads sleep: spinning would take the cores from the rest of the request.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
with _without_optional_imports():
    from lightgbm import Booster

_SINGLE_THREAD_UP_TO = 100  # rows; one thread scores so few faster than two


def start_file(model: Path) -> Path:
    """Return the file that names the feature which a model's trees correct; it is empty if they start at 0."""
    return model.with_name(f"{model.stem}_start.txt")


class LightGbmScorer:
    """Scores candidates with one LightGBM model over named features."""

    def __init__(
        self, name: str, model: Path, features: tuple[str, ...], start: str | None = None, threads: int = 1
    ) -> None:
        """Load a model file whose hash was checked: LightGBM crashes the process on a corrupt one.

        More than 100 rows are scored by `threads`. `start` names the feature that the trees were trained to
        correct; its value is added to their output.
        """
        self.name = name
        self._start = None if start is None else features.index(start)
        self._features = features
        self._threads = threads
        self._booster = Booster(model_file=str(model))
        if tuple(self._booster.feature_name()) != features:
            raise ValueError(f"{model.name} was trained on other features than this version computes: build it again")

    @classmethod
    def load(cls, name: str, model: Path, features: tuple[str, ...], threads: int = 1) -> LightGbmScorer:
        """Load a model with its start, which the build wrote beside it."""
        return cls(name, model, features, start_file(model).read_text() or None, threads)

    @property
    def trees(self) -> int:
        """The number of trees."""
        return int(self._booster.num_trees())

    def describe(self) -> str:
        """Return the kind of model and how much it reads."""
        return f"LightGBM, {len(self._features)} features"

    def score(self, query: Query, candidates: Candidates) -> NDArray[np.float32]:
        """Return one score per candidate, float32."""
        if len(candidates) == 0:
            return np.empty(0, np.float32)
        return self.predict(matrix(query, candidates, self._features))

    def predict(self, features: Matrix) -> NDArray[np.float32]:
        """Return one score per row of a feature matrix."""
        threads = self._threads if len(features) > _SINGLE_THREAD_UP_TO else 1
        score = np.asarray(self._booster.predict(features, num_threads=threads), np.float32)
        return score if self._start is None else score + features[:, self._start]
