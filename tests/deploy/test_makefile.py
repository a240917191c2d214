"""The Makefile builds the demo again when a source of the build changes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("cascade", "configs", "corpus", "pipeline", "prompting", "ranking", "recall", "store", "text_model")


@pytest.mark.parametrize("package", PACKAGES)
def test_the_demo_depends_on_every_module_of_the_build(package: str) -> None:
    command = ["make", "--silent", "--eval", "sources: ; @echo $(SOURCES)", "sources"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / package).rglob("*.py")}
    assert modules
    assert modules <= set(listed)
