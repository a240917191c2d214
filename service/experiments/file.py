"""Reads the file of arms: TOML, checked as a whole before any of it is used."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cascade.executor import FULL_LIST
from configs import plain_words
from configs.reading import SettingsError
from configs.text_file import read_text
from service.experiments.experiment import Arm, Experiment, Exploration
from service.settings import Settings
from store.bundle import is_name

SETTING = "experiments.file"

_MOST_ARMS = 16
_MOST_BUNDLES = 2  # of arms: each takes the memory that the live one takes
_ROUNDING = 1e-6

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Explore(_Section):
    share: float = Field(gt=0, le=1)
    top: int = Field(default=10, ge=2, le=FULL_LIST)


class _Arm(_Section):
    name: Name
    share: float = Field(gt=0, le=1)
    quality_weight: float | None = Field(default=None, ge=0, le=1)
    budget_ms: float | None = Field(default=None, gt=0)
    recall: Mapping[str, Annotated[int, Field(ge=0, le=1000)]] = {}
    explore: _Explore | None = None
    rules: str = Field(default="", max_length=4096)
    bundle: str = Field(default="", max_length=64)

    def arm(self, beside: Path) -> Arm:
        """Return the arm as requests meet it; its file of rules lies `beside` the file of arms."""
        explores = None if self.explore is None else Exploration(self.explore.share, self.explore.top)
        limits = tuple(sorted(self.recall.items()))
        rules = str(beside / self.rules) if self.rules else ""
        return Arm(self.name, self.share, self.quality_weight, self.budget_ms, limits, explores, rules, self.bundle)


class _File(_Section):
    name: Name
    arms: list[_Arm] = Field(min_length=1, max_length=_MOST_ARMS)
    without_unit: list[str] = Field(default=[], max_length=2)
    slot_s: float = Field(default=3600.0, ge=60)


def read_experiment(path: Path, settings: Settings) -> Experiment:
    """Return the experiment of a file. Raises SettingsError, which names the field and the fix."""
    try:
        said = _File.model_validate(tomllib.loads(read_text(path)))
    except OSError as error:
        raise SettingsError(f"{SETTING}: {path} cannot be read ({error.strerror}): name a readable file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{SETTING}: {path} is not valid TOML: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        problem = f"{plain_words.place(first['loc'])}: {plain_words.problem(first)}"
        raise SettingsError(f"{SETTING}: {path}: {problem}: docs/ab-tests.md lists the fields") from None
    if problem := _problem(said, settings):
        raise SettingsError(f"{SETTING}: {path}: {problem}")
    arms = {arm.name: arm.arm(path.parent) for arm in said.arms}
    return Experiment(said.name, tuple(arms.values()), tuple(arms[name] for name in said.without_unit), said.slot_s)


def _problem(said: _File, settings: Settings) -> str:
    """Return what is wrong with fields that depend on each other or on the settings, and the fix; "" if nothing is."""
    names = Counter(arm.name for arm in said.arms)
    if twice := [name for name, times in names.items() if times > 1]:
        return f"arms: {twice[0]} is there twice: give each arm its own name"
    if abs(sum(arm.share for arm in said.arms) - 1) > _ROUNDING:
        return f"arms: the shares sum to {sum(arm.share for arm in said.arms):g}: make them sum to 1"
    if unknown := [name for name in said.without_unit if name not in names]:
        return f"without_unit: there is no arm {unknown[0]}: name one of {', '.join(names)}"
    if len(set(said.without_unit)) < len(said.without_unit):
        return "without_unit: both arms are the same: name two arms, or one"
    exploring = [arm.name for arm in said.arms if arm.explore and arm.name in said.without_unit]
    if len(said.without_unit) == 2 and exploring:
        return f"without_unit: {exploring[0]} explores, and cannot share a list: name two other arms, or it alone"
    bundles = sorted({arm.bundle for arm in said.arms if arm.bundle})
    if len(bundles) > _MOST_BUNDLES:
        told = f"arms: they name {len(bundles)} bundles ({', '.join(bundles)})"
        return f"{told}: name at most {_MOST_BUNDLES}, since each takes its own memory"
    return next((problem for arm in said.arms if (problem := _problem_of_arm(arm, settings))), "")


def _problem_of_arm(arm: _Arm, settings: Settings) -> str:
    if arm.bundle and not is_name(arm.bundle):
        return f"arm {arm.name}: bundle: {arm.bundle!r} is not the name of a bundle: give a bundle's directory name"
    if arm.budget_ms is not None and arm.budget_ms > settings.max_budget_ms:
        return f"arm {arm.name}: budget_ms is above max_budget_ms: give at most {settings.max_budget_ms:g}"
    served = {path: limits["limit"] for path, limits in settings.recall.model_dump().items()}
    for path, most in arm.recall.items():
        if path not in served:
            return f"arm {arm.name}: recall.{path} is no recall path: name one of {', '.join(served)}"
        if most and not served[path]:
            return f"arm {arm.name}: recall.{path} is off in this gateway: set recall.{path}.limit above 0 first"
    return ""
