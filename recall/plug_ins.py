"""Loads the recall paths of installed packages, and refuses declarations that do not fit together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint, entry_points
from operator import attrgetter

from configs.reading import SettingsError
from recall.path_spec import PathSpec
from store.page_row import FACTS

#: The entry points of installed packages that bring a path: each names its `PATH`.
GROUP = "onward.recall_paths"

_MAX_LIMIT = 1000  # as settings allow
_TAKEN = frozenset(FACTS.names or ())  # columns that every candidate gets from the `pages` table


def plug_ins() -> Iterator[PathSpec]:
    """Yield the paths of installed packages, in the order of their entry points' names. Raises SettingsError."""
    for point in sorted(entry_points(group=GROUP), key=attrgetter("name")):
        yield load(point)


def load(point: EntryPoint) -> PathSpec:
    """Return the path that an entry point names. Raises SettingsError."""
    brought = f"recall path {point.name} of the package {point.dist.name if point.dist else '?'}"
    try:
        path = point.load()
    except Exception as error:  # a plug-in may fail in any way
        problem = f"{point.value} cannot be loaded: {type(error).__name__}: {error}"
        raise SettingsError(f"{brought}: {problem}: fix the package or uninstall it") from error
    if not isinstance(path, PathSpec):
        raise SettingsError(f"{brought}: {point.value} is not a PathSpec: see recall/path_spec.py")
    return path


def check(paths: Sequence[PathSpec]) -> None:
    """Raise SettingsError where a later path takes the name or a column of an earlier one, or has a bad limit."""
    names = Counter(path.name for path in paths)
    columns = Counter(column for path in paths for column in path.columns)
    for path in reversed(paths):
        if problem := _problem(path, names, columns):
            raise SettingsError(f"recall path {path.name} of {path.package}: {problem}")


def _problem(path: PathSpec, names: Counter[str], columns: Counter[str]) -> str:
    if not path.name.isidentifier() or path.name == "pages":
        return "choose another name: it becomes a setting, a column, a step and a table"
    if names[path.name] > 1:
        return "another path has the same name: rename one, or uninstall it"
    if taken := [column for column in path.columns if columns[column] > 1 or column in _TAKEN]:
        return f"the column {taken[0]} is taken: begin its name with {path.name}_"
    if not 0 <= path.limit <= _MAX_LIMIT or not path.timeout_ms > 0:
        return f"limit must be 0 to {_MAX_LIMIT}, and timeout_ms above 0"
    return ""
