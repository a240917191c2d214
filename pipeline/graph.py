"""The build graph: collects what each step declares, and orders the steps so that each finds what it reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter

from pipeline.answers import step as answers
from pipeline.config import BuildConfig
from pipeline.cross_encoder import adaptation, page_states, student, teachers
from pipeline.labels import judge
from pipeline.log import counts, order, read
from pipeline.pages import facts, text
from pipeline.rankers import blend, session, stage1, stage2
from pipeline.recall_steps import recall_steps
from pipeline.runner.step import Step

#: Every step; where the graph leaves a choice, steps run in this order.
STEPS: tuple[Step, ...] = (
    read.STEP, text.STEP, counts.STEP, order.STEP, facts.STEP,
    *recall_steps(),
    judge.STEP, adaptation.STEP, teachers.STEP, student.STEP, page_states.STEP,
    stage1.STEP, stage2.STEP, blend.STEP, session.STEP,
    answers.STEP,
)  # fmt: skip


class GraphError(Exception):
    """The declared steps do not form a valid build graph."""


def steps(config: BuildConfig, declared: Sequence[Step] = STEPS) -> list[Step]:
    """Return the steps of a build, each after those in its `after`, which is complete. Raises GraphError."""
    known = [step.name for step in declared]
    if twice := {name for name in known if known.count(name) > 1}:
        raise GraphError(f"two steps are named {min(twice)}")
    chosen = {step.name: step for step in declared if step.when(config)}
    inputs = {name: _inputs(step, config, known) for name, step in chosen.items()}
    complete = {name: tuple(other for other in read if other in chosen) for name, read in inputs.items()}
    return [replace(chosen[name], after=complete[name]) for name in _ordered(complete)]


def _inputs(step: Step, config: BuildConfig, known: Sequence[str]) -> tuple[str, ...]:
    inputs = (*step.after, *step.also_after(config))
    for name in inputs:
        if name not in known:
            close = get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"did you mean {close[0]}?" if close else f"the steps are {', '.join(known)}"
            raise GraphError(f"step {step.name} reads {name}, which is not a step: {hint}")
    return inputs


def _ordered(inputs: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield the steps one by one: of those whose inputs are made, the one that was declared first."""
    place = {name: number for number, name in enumerate(inputs)}
    sorter = TopologicalSorter(inputs)
    try:
        sorter.prepare()
    except CycleError as error:
        raise GraphError(f"the steps form a cycle: {' → '.join(error.args[1])}") from None
    ready: list[str] = []
    while sorter.is_active():
        ready = sorted([*ready, *sorter.get_ready()], key=place.__getitem__)
        yield ready[0]
        sorter.done(ready.pop(0))
