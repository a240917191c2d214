"""The arrows between packages, and what importing the gateway loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TRAINING = ("torch", "duckdb", "pandas", "transformers", "pyarrow", "tantivy", "ibis", "implicit", "onnx", "sklearn")


def loaded(module: str, libraries: tuple[str, ...] = TRAINING) -> list[str]:
    """Return the libraries that importing `module` loads, in a process of its own."""
    code = f"import sys, {module}; print(*[name for name in {libraries} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return done.stdout.split()


@pytest.mark.parametrize("module", ["service.bootstrap", "service.process.server", "cli.main"])
def test_importing_the_gateway_loads_no_training_library(module: str) -> None:
    assert loaded(module) == []


def test_settings_read_what_paths_declare_and_load_nothing_that_runs_them() -> None:
    assert loaded("service.settings", ("faiss", "onnxruntime", "lightgbm", "tokenizers")) == []


def test_packages_import_only_what_lies_below_them() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout
