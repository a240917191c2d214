"""What a step of the build declares about itself; each step's module holds one such `STEP`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.runner.work import Work

if TYPE_CHECKING:  # the configuration imports every trainer's, and a step's key must hold no other step's code
    from pipeline.config import BuildConfig


def _always(_: BuildConfig) -> bool:
    return True


def _nothing(_: BuildConfig) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the build: `run` fills a directory and returns figures for the manifest."""

    name: str
    run: Callable[[Work], dict[str, object]]
    after: tuple[str, ...] = ()  # the steps whose directories it reads; steps disabled by `when` are ignored
    also_after: Callable[[BuildConfig], tuple[str, ...]] = _nothing  # the inputs that depend on the configuration
    when: Callable[[BuildConfig], bool] = _always  # whether the build has this step
    config: tuple[str, ...] = ()  # the parts of the configuration that it reads: `cf`, or `cf.dimension` alone
    external: Callable[[BuildConfig], object] | None = None  # other inputs: endpoints, model files
    seeded: bool = True  # it draws random numbers, so another seed runs it again
    shared: bool = False  # every process of torchrun runs it
    resumes: bool = False  # after a kill it continues in its directory
