"""The cascade of an arm whose recall paths bring other numbers of candidates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from cascade.executor import Cascade, RecallStep


def limited(cascade: Cascade, variant: Iterable[tuple[str, float]]) -> Cascade:
    """Return the cascade with the limits of a query's variant; a limit of 0 turns a path off."""
    limits = {name: int(value) for name, value in variant}
    if not limits:
        return cascade

    def step(of: RecallStep) -> RecallStep:
        return replace(of, limit=limits.get(f"recall.{of.path.name}.limit", of.limit))

    steps = [found for of in cascade.recall if (found := step(of)).limit]
    return replace(cascade, recall=steps, fallback=step(cascade.fallback))
