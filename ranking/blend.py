"""Blends click scores with quality scores: the last scorer of the cascade (stage 2c)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from cascade.types import Candidates, Query
from ranking.session import COLUMN

#: λ of a site whose clicks cannot tell: the rightmost point of the paper's trade-off curve (section 4.8).
QUALITY_WEIGHT = 0.32

#: The column of a language model, in units of z(stage 2); stored lists of pages that it was asked about have it.
LLM = "llm"


@dataclass(frozen=True, slots=True)
class Scale:
    """Mean and standard deviation of one score over production-like traffic."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, scores: NDArray[np.floating]) -> Scale:
        """Return the scale of a sample of scores. Raises ValueError when none is finite."""
        finite = scores[np.isfinite(scores)]
        if len(finite) == 0:
            raise ValueError("no finite scores to compute mean and deviation from: is the validation window empty?")
        return cls(float(finite.mean(dtype=np.float64)), float(finite.std(dtype=np.float64)))

    def z(self, scores: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return z-scores; 0 for every row when the sample was constant, since such a score carries no information."""
        if self.deviation < 1e-9:
            return np.zeros(len(scores), np.float32)
        return ((scores - self.mean) / self.deviation).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Blend:
    """(1 - λ)·(z(stage 2) + llm + session) + λ·z(quality); a query's `quality_weight` replaces λ.

    Rows have the columns `llm` and `session` only where something was asked about them.
    """

    stage2: Scale
    quality: Scale
    quality_weight: float = QUALITY_WEIGHT

    @property
    def name(self) -> str:
        """The stage's name."""
        return "blend"

    def describe(self) -> str:
        """Return the formula with the bundle's λ."""
        return f"{1 - self.quality_weight:.2g}·z(stage2) + {self.quality_weight:.2g}·z(quality)"

    def score(self, query: Query, candidates: Candidates) -> NDArray[np.float32]:
        """Return one score per row from the columns `stage2` and `quality`."""
        weight = self.quality_weight if query.quality_weight is None else query.quality_weight
        blended = self.blended(candidates["stage2"], candidates["quality"], weight)
        for name in (LLM, COLUMN):  # what a language model, and the reader's way, say of clicks
            if (said := candidates.columns.get(name)) is not None:
                blended = (blended + (1.0 - weight) * said).astype(np.float32)
        return blended

    def blended(
        self, stage2: NDArray[np.floating], quality: NDArray[np.floating], weight: float
    ) -> NDArray[np.float32]:
        """Return the blend of the two scores of each row for a given λ."""
        return ((1.0 - weight) * self.stage2.z(stage2) + weight * self.quality.z(quality)).astype(np.float32)

    def save(self, path: Path) -> None:
        """Write μ, σ and λ as JSON."""
        path.write_bytes(orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2))

    @classmethod
    def load(cls, path: Path) -> Blend:
        """Read what `save` wrote. Raises ValueError when a number is missing."""
        try:
            stored = orjson.loads(path.read_bytes())
            return cls(Scale(**stored["stage2"]), Scale(**stored["quality"]), float(stored["quality_weight"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path.name} is not a blend: {error!r}") from None


def fit(stage2: NDArray[np.floating], quality: NDArray[np.floating], quality_weight: float = QUALITY_WEIGHT) -> Blend:
    """Return the blend with μ and σ of the given scores, one row per candidate of validation traffic."""
    return Blend(Scale.of(stage2), Scale.of(quality), quality_weight)
