"""The cascade of an arm whose recall paths bring other numbers of candidates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from cascade.executor import Cascade


def limited(cascade: Cascade, variant: Iterable[tuple[str, float]]) -> Cascade:
    """Return the cascade with the limits of a query's variant; a limit of 0 turns a path off."""
    limits = {name: int(value) for name, value in variant}
    if not limits:
        return cascade
    steps = [replace(step, limit=limits.get(f"recall.{step.path.name}.limit", step.limit)) for step in cascade.recall]
    return replace(cascade, recall=[step for step in steps if step.limit])
