"""The recall paths' steps, found by convention: `recall/<path>/step.py` declares the step `<path>`."""

from __future__ import annotations

from importlib import import_module

from pipeline.runner.step import Step

#: The recall paths that have a step.
PATHS = ("coclick", "cf", "two_tower", "qprime")


def recall_steps() -> tuple[Step, ...]:
    """Return the step of each recall path."""
    return tuple(import_module(f"recall.{path}.step").STEP for path in PATHS)
