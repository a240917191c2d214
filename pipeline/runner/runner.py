"""Runs build steps: each is skipped when its inputs have not changed, and never left half done."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

from pipeline.config import BuildConfig
from pipeline.runner.code_keys import code_of, source_of
from pipeline.runner.progress import console
from pipeline.runner.step import Step
from pipeline.runner.work import InputTables, Work
from store.bundle import fsync_tree
from text_model.distributed import World, world

DONE = "done.json"
_BEGUN = "begun"  # holds the key of a run that has not finished


@dataclass(slots=True)
class Runner:
    """Runs steps in order in `root/<step>`; a step is skipped when its key is that of its last finished run."""

    root: Path
    config: BuildConfig
    inputs: str  # hash of the input files and of all settings that belong to no single step
    publishing: tuple[str, ...] = ()  # the modules that make a bundle of the finished steps
    tables: InputTables | None = None
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)  # that each step's last run took
    world: World = field(default_factory=world)
    _keys: dict[str, str] = field(default_factory=dict)

    def run(self, steps: Sequence[Step]) -> None:
        """Run the unfinished steps; after a kill, finished steps remain and no half-finished one counts as finished."""
        for step in steps:
            key = self._keys[step.name] = self._key(step)
            target = self.root / step.name
            done = _read_done(target)
            self.world.wait()  # all have read the same
            if done is None or done["key"] != key:
                done = self._run(step, key, target)
            self.figures[step.name], self.seconds[step.name] = done["figures"], done["seconds"]

    def identity(self) -> str:
        """Return a hash of everything that the finished steps, and a bundle of them, are made from."""
        parts = [self._keys, [source_of(module) for module in self.publishing]]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _run(self, step: Step, key: str, target: Path) -> dict[str, Any]:
        start, working = time.perf_counter(), self.root / f".{step.name}"
        if self.world.main:
            _clear(target)
            _begin(working, key, step.resumes)
        self.world.wait()
        if self.world.main and not console.is_terminal:
            console.print(f"  {step.name} …")  # a log file shows what runs, also where a step tells no progress
        taking_part = self.world.main or step.shared
        work = Work(self.config, working, self.root, self.tables, frozenset(step.after))
        figures = step.run(work) if taking_part else {}
        self.world.wait()
        if self.world.main:
            seconds = round(time.perf_counter() - start, 2)
            done = {"key": key, "seconds": seconds, "figures": figures}
            (working / DONE).write_text(json.dumps(done, indent=1, default=str))
            (working / _BEGUN).unlink()
            fsync_tree(working)  # so that a finished step also survives a power cut
            working.rename(target)
            console.print(f"[green]✓[/] {step.name:<12} {seconds:7.1f} s  [dim]{_summary(figures)}")
        self.world.wait()
        stored = _read_done(target)
        assert stored is not None, target  # noqa: S101 - written above
        return stored

    def _key(self, step: Step) -> str:
        settings = self.config.model_dump(mode="json")
        read = (*step.config, *(["seed"] if step.seeded else []))
        parts = {
            "step": step.name,
            "inputs": self.inputs,
            "config": {part: reduce(getitem, part.split("."), settings) for part in read},
            "after": [self._keys[name] for name in step.after],
            "external": step.external(self.config) if step.external else None,
            "code": code_of(step.run),
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _begin(working: Path, key: str, keep: bool) -> None:
    """Create a step's directory; with `keep`, resume in the one that a killed run with the same key left behind."""
    begun = working / _BEGUN
    if not (keep and begun.is_file() and begun.read_text() == key):
        _clear(working)
        working.mkdir(parents=True)
    begun.write_text(key)


def _clear(directory: Path) -> None:
    (directory / DONE).unlink(missing_ok=True)  # first: after a kill, the rest must not look finished
    shutil.rmtree(directory, ignore_errors=True)


def _read_done(target: Path) -> dict[str, Any] | None:
    try:
        done: dict[str, Any] = json.loads((target / DONE).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return done


def _summary(figures: dict[str, object]) -> str:
    shown = ((name, value) for name, value in figures.items() if isinstance(value, int | float | str) and value != "")
    return "  ".join(f"{name} {value}" for name, value in shown)
