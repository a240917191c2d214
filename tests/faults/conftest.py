"""Fault tests: short by default; `--long` (make faults) runs them at full length and writes docs/reliability.md."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from reliability import Figure, write

_FIGURES = pytest.StashKey[list[Figure]]()

#: Reports a measurement: the fault, its target, the figure.
Report = Callable[[str, str, str], None]


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_FIGURES] = []


@pytest.fixture(scope="session")
def long(request: pytest.FixtureRequest) -> bool:
    """Whether the test runs at full length."""
    return bool(request.config.getoption("--long"))


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Print a figure, and keep it for docs/reliability.md."""

    def tell(fault: str, target: str, measured: str) -> None:
        print(f"\n{fault}: {measured} (target: {target})")
        request.config.stash[_FIGURES].append(Figure(fault, target, measured))

    return tell


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.getoption("--long") and session.config.stash[_FIGURES]:
        write(session.config.stash[_FIGURES])
