"""A path that another package brings by one folder and one entry point is built, served, explained and evaluated."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

ROOT = Path(__file__).parents[2]
LATE = "2025-04-05"  # the tiny corpus ends on 2025-04-10

#: What pip writes beside an installed package.
DIST_INFO = {
    "METADATA": "Metadata-Version: 2.1\nName: toy-path\nVersion: 1.0\n",
    "entry_points.txt": "[onward.recall_paths]\ntoy = toy_path.path:PATH\n",
    "top_level.txt": "toy_path\n",
}

_RUN = """
import asyncio, json, sys
from pathlib import Path

from cli.main import app
from pipeline.build import build
from pipeline.config import BuildConfig
from service.answers.request import Request
from service.bootstrap import load
from service.settings import read_settings

data, bundles, url, late, figures = sys.argv[1:]
told = json.loads(sys.stdin.read())
bundle = build(Path(data), Path(bundles), BuildConfig.model_validate(told["config"]))

async def asked(*overrides):
    gateway = load(Path(bundles), read_settings(None, [*told["settings"], *overrides], {}))
    answer = await gateway.recommender.recommend(Request(url, k=30, explain=True))
    await gateway.close()
    return json.loads(answer.body)

result = {
    "rows": bundle.manifest.rows, "features": bundle.manifest.features["stage1"], "config": bundle.manifest.config,
    "defaults": read_settings(None, (), {}).recall.of("toy").model_dump(),
    "answer": asyncio.run(asked()), "without": asyncio.run(asked("recall.toy.limit=0")),
}
print(json.dumps(result))
logs = ["--clicks", f"{data}/clicks.parquet", "--since", late, "--most-pages", "5"]
app(["evaluate", "--bundles", bundles, *logs, "--json", figures], standalone_mode=False)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that holds what an installed distribution says of itself."""
    site = tmp_path_factory.mktemp("site")
    (site / "toy_path-1.0.dist-info").mkdir()
    for name, text in DIST_INFO.items():
        (site / "toy_path-1.0.dist-info" / name).write_text(text)
    return site


@pytest.fixture(scope="module")
def run(tiny, installed: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Build on the steps that the tiny bundle has finished, answer and evaluate, in a process that finds the path."""
    from tests.conftest import PATIENT

    directory = tmp_path_factory.mktemp("toy")
    bundles, figures = tiny.link(directory / "bundles", work=True), directory / "figures.json"
    told = {"config": tiny.bundle.manifest.config, "settings": PATIENT}
    path = os.pathsep.join(map(str, (ROOT, ROOT / "tests/fakes", installed)))
    command = [sys.executable, "-c", _RUN, tiny.data, bundles, tiny.urls[0], LATE, figures]
    done = subprocess.run(
        [str(part) for part in command], input=json.dumps(told), capture_output=True, text=True, check=False, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[0]) | {
        "figures": orjson.loads(figures.read_bytes()),
        "built": {line.split()[1] for line in done.stderr.splitlines() if line.startswith("✓")},
    }


def test_its_step_is_run_and_the_rankers_learn_anew_and_nothing_else_is_built(run: dict[str, Any]) -> None:
    assert run["built"] == {"toy", "stage1", "stage2", "blend", "session"}


def test_its_table_and_columns_and_configuration_are_in_the_bundle(run: dict[str, Any]) -> None:
    assert run["rows"]["toy"] == 300
    assert {"toy_nearness", "rank_toy"} <= {*run["features"]}
    assert run["config"]["toy"] == {"pages": 20}


def test_settings_have_its_defaults(run: dict[str, Any]) -> None:
    assert run["defaults"] == {"limit": 15, "timeout_ms": 20.0}


def recalled_by(answer: dict[str, Any]) -> set[str]:
    return {by["path"] for page in answer["recommendations"] for by in page["recalled_by"]}


def test_it_is_served_and_can_be_turned_off(run: dict[str, Any]) -> None:
    assert "toy" in recalled_by(run["answer"])
    assert recalled_by(run["without"]) == recalled_by(run["answer"]) - {"toy"}


def test_explain_shows_its_ranks_and_columns(run: dict[str, Any]) -> None:
    stages = {stage["stage"]: stage["candidates"] for stage in run["answer"]["explain"]["stages"]}
    found = [page["columns"] for page in stages["merge"]]
    ranks = {columns["rank_toy"]: columns["toy_nearness"] for columns in found}
    assert ranks == {None: -1.0, **{rank: pytest.approx(1 / rank, abs=1e-6) for rank in range(1, 16)}}


def test_it_is_evaluated(run: dict[str, Any]) -> None:
    assert "recall toy" in run["figures"]["rankings"]
