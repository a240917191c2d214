"""Finds the build step of each recall path: the `step.py` next to its `path.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from types import ModuleType

from configs.reading import SettingsError
from pipeline.log.label_days import LabelDay
from pipeline.log.split import ALL
from pipeline.runner.step import Step
from pipeline.runner.work import Work
from recall.path_spec import PathSpec
from recall.paths import ALL_PATHS
from store.tables import Table

#: (work, day, pages) -> the rows of `pages` in a path's table, counted from the log before a day of the label window.
AsOf = Callable[[Work, LabelDay, Iterable[int]], Table]

#: Names of the recall paths; each path's build step has the same name.
PATHS = tuple(path.name for path in ALL_PATHS)


def recall_steps() -> tuple[Step, ...]:
    """Return the step of each recall path. Raises SettingsError."""
    return tuple(map(step_of, ALL_PATHS))


def step_of(path: PathSpec) -> Step:
    """Return the build step of a path. Raises SettingsError."""
    step = getattr(_module(path), "STEP", None)
    if not isinstance(step, Step) or step.name != path.name:
        raise SettingsError(f"recall path {path.name}: {path.package}.step must hold a STEP named {path.name}")
    return step


def as_of(path: PathSpec) -> AsOf | None:
    """Return the function `as_of` of a path's step, where its table counts the log."""
    found: AsOf | None = getattr(_module(path), "as_of", None)
    return found


def made_in(path: PathSpec, step: Path, snapshot: str) -> Path:
    """Return where in its step's directory a path's files are, for the snapshot `past` or `all`."""
    return step / snapshot if path.counted else step


def bundle_files() -> dict[str, Path]:
    """Return the recall paths' files in a bundle, each with its place below the work directory."""
    return {
        target: made_in(path, Path(path.name), ALL) / file
        for path in ALL_PATHS
        for target, file in path.artifacts().items()
    }


def _module(path: PathSpec) -> ModuleType:
    name = f"{path.package}.step"
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # the step is there, and imports what is not
        raise SettingsError(f"recall path {path.name} has no build step: add {name}") from None
