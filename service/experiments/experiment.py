"""An experiment: its arms, and which of them answers a request."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from xxhash import xxh3_64_intdigest

#: What joins the names of two arms that share a list.
AND = "+"

_ALL = 1 << 64


@dataclass(frozen=True, slots=True)
class Exploration:
    """A share of an arm's answers shows the best `top` pages in random order, so that other orders can be judged."""

    share: float  # 0 to 1
    top: int


@dataclass(frozen=True, slots=True)
class Arm:
    """What an arm changes; None and nothing: as the gateway's settings say."""

    name: str
    share: float  # of units
    quality_weight: float | None = None
    budget_ms: float | None = None
    limits: tuple[tuple[str, int], ...] = ()  # recall path -> candidates
    explores: Exploration | None = None
    rules: str = ""  # a file of its own rules, in addition to the gateway's
    bundle: str = ""  # that it answers from

    @property
    def variant(self) -> tuple[tuple[str, float], ...]:
        """Settings that differ from the gateway's and that a ranked list depends on; λ is applied to the list."""
        budget = () if self.budget_ms is None else (("budget_ms", self.budget_ms),)
        return (*budget, *((f"recall.{path}.limit", float(most)) for path, most in self.limits))


@dataclass(frozen=True, slots=True)
class Trial:
    """The arms that answer one request: one, or two that share a list; `draw` decides what is left to chance."""

    experiment: str
    arms: tuple[Arm, ...]
    seed: int

    @property
    def label(self) -> str:
        """The name of the arm, or of both."""
        return AND.join(arm.name for arm in self.arms)

    def draw(self) -> Random:
        """Return random numbers that are the same on every replica."""
        return Random(self.seed)  # noqa: S311 - nothing is protected by it


@dataclass(frozen=True, slots=True)
class Experiment:
    """Arms with shares of units. Requests without a unit get `unitless`: no arm, one, or two in one list."""

    name: str
    arms: tuple[Arm, ...]
    unitless: tuple[Arm, ...] = ()
    slot_s: float = 3600.0

    def trial(self, unit: str, page: int, now_s: float) -> Trial | None:
        """Return the arms for a request; None where it is not part of the experiment.

        Without a unit, chance depends on the page and the time slot alone: readers may share the answer in caches.
        """
        slot = int(now_s // self.slot_s)
        if unit:
            return Trial(self.name, (self._arm_of(unit),), _hashed(self.name, unit, page, slot))
        if not self.unitless:
            return None
        return Trial(self.name, self.unitless, _hashed(self.name, "", page, slot))

    def _arm_of(self, unit: str) -> Arm:
        place = _hashed(self.name, unit) / _ALL * sum(arm.share for arm in self.arms)
        for arm in self.arms:
            place -= arm.share
            if place < 0:
                return arm
        return self.arms[-1]  # rounding


def _hashed(*parts: str | int) -> int:
    """Return 64 bits of a hash; the parts are told apart by their lengths."""
    return xxh3_64_intdigest(
        "".join(f"{len(text)}:{text}" for text in map(str, parts)).encode("utf-8", "surrogatepass")
    )
