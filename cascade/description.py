"""Says in plain values what a cascade is made of, for tables and drawings: read from the object that runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from cascade.executor import Cascade, RecallStep
from cascade.stages import Stage

Role = Literal["trigger", "recall", "merge", "hydrate", "filter", "column", "anytime", "stage", "select", "fallback"]


@runtime_checkable
class Described(Protocol):
    """A part that says how it was set up, in a few words."""

    def describe(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a cascade. The `column`s and the `anytime` part before a `stage` are that stage's hydrators."""

    role: Role
    name: str
    file: str  # that holds its class or function
    about: str = ""  # how it was set up
    limit: int | None = None  # the most candidates that leave it
    timeout_s: float | None = None


def describe(cascade: Cascade) -> list[Part]:
    """Return the parts of a cascade in the order in which a request meets them; the fallback comes last."""
    read_s = cascade.read_timeout_s
    return [
        _part("trigger", cascade.trigger, timeout_s=read_s),
        *(_recall("recall", step) for step in cascade.recall),
        _part("merge", cascade.merge),
        _part("hydrate", cascade.hydrate, timeout_s=read_s),
        *(_part("filter", rule) for rule in cascade.filters),
        *(part for stage in cascade.stages for part in _stage(stage)),
        _part("select", cascade.select),
        _recall("fallback", cascade.fallback),
    ]


def _recall(role: Role, step: RecallStep) -> Part:
    return _part(role, step.path, step.limit, step.timeout_s)


def _stage(stage: Stage) -> Iterator[Part]:
    yield from (_part("column", hydrator) for hydrator in stage.hydrators)
    if stage.anytime is not None:
        yield _part("anytime", stage.anytime)
    yield _part("stage", stage.scorer, stage.keep_top, stage.timeout_s)


def _part(role: Role, what: object, limit: int | None = None, timeout_s: float | None = None) -> Part:
    kind = what if hasattr(what, "__qualname__") else type(what)  # a function, or an object's class
    name = getattr(what, "name", "") or kind.__name__  # type: ignore[attr-defined]
    about = what.describe() if isinstance(what, Described) else ""
    return Part(role, str(name), f"{kind.__module__.replace('.', '/')}.py", about, limit, timeout_s)
