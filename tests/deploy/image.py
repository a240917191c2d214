"""The serving image without Docker: installs what its Dockerfile copies into a virtual environment."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_NO_SOURCE = ("No matching distribution found", "Could not find a version", "Connection", "Max retries exceeded")


class NoSourceError(RuntimeError):
    """No package index is reachable."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment."""

    path: Path

    @property
    def python(self) -> Path:
        return self.path / "bin" / "python"

    @property
    def onward(self) -> Path:
        return self.path / "bin" / "onward"

    def has(self, module: str) -> bool:
        """Return whether the module can be imported in it."""
        code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec('{module}') is None)"
        return subprocess.run([self.python, "-I", "-c", code], check=False).returncode == 0


def copied(dockerfile: Path) -> list[str]:
    """Return the paths that a Dockerfile's first stage copies from the build context."""
    stage = dockerfile.read_text().split("\nFROM ")[0 if dockerfile.read_text().startswith("FROM ") else 1]
    lines = re.findall(r"^COPY (.+)$", stage, re.MULTILINE)
    return [source for line in lines for source in line.split()[:-1]]


def install(dockerfile: Path, directory: Path) -> Environment:
    """Repeat the first stage: copy, then install with pinned versions. Raises NoSourceError."""
    source, environment = directory / "src", Environment(directory / "environment")
    source.mkdir()
    for name in copied(dockerfile):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment.path], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(environment.python), "install", "--quiet", "--no-compile"]
    done = subprocess.run([*pip, ".", "-c", "constraints.txt"], cwd=source, capture_output=True, text=True, check=False)
    if done.returncode and any(words in done.stderr for words in _NO_SOURCE):
        raise NoSourceError(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr
    return environment
