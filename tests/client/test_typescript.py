"""A TypeScript client, generated from the OpenAPI document of a gateway, compiled, and used once."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

SOURCE = Path(__file__).parent / "typescript"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with its packages, at the versions of the lock file."""
    directory = tmp_path_factory.mktemp("typescript") / "project"
    shutil.copytree(SOURCE, directory)
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, timeout=240)
    except subprocess.TimeoutExpired:
        pytest.skip("npm cannot install the packages here: no answer")
    if done.returncode != 0:
        pytest.skip(f"npm cannot install the packages here: {done.stderr.strip().splitlines()[:1]}")
    return directory


def run(project: Path, *command: str) -> str:
    done = subprocess.run(["npx", "--no-install", *command], cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_openapi_document_makes_a_client_that_works(project, running, tiny) -> None:
    (project / "openapi.json").write_text(httpx.get(f"{running.http}/openapi.json").raise_for_status().text)
    run(project, "openapi-typescript", "openapi.json", "--output", "schema.d.ts", "--default-non-nullable", "false")
    run(project, "tsc")
    asked = ["node", "out/ask.js", running.http, tiny.urls[0]]
    done = subprocess.run(asked, cwd=project, capture_output=True, text=True, check=True)
    answered = json.loads(done.stdout)
    body = httpx.get(f"{running.http}/recommend", params={"url1": tiny.urls[0], "k": 2}).json()
    assert answered["urls"] == [page["url"] for page in body["recommendations"]]
    assert [error["field"] for error in answered["wrong"]["errors"]] == ["k"]
    assert answered["batch"] == 5
