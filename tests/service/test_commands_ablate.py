"""The ablation over the tiny corpus: readers come back two months later, and one seed of every arm is built."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from typer.testing import CliRunner

from configs.reading import leaves
from evaluation.ablations.tables import PAPER
from pipeline.config import BuildConfig
from service.cli import app

SMALL = {
    "teachers": {"click_steps": 2, "quality_steps": 2, "triplets": 4, "labels": 4, "frozen_layers": 5, "pool": 150},
    "cross_encoder": {"distil": False, "pairs": 8, "steps": 4, "triplets": 4, "labels": 8, "frozen_layers": 5},
}


@pytest.fixture(autouse=True)
def no_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MODEL", "BASE_URL", "KEY"):
        monkeypatch.delenv(f"ONWARD_LLM_{name}", raising=False)


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["ablate", *map(str, arguments)])


def overrides(tiny) -> list[str]:
    changed = BuildConfig.model_validate(tiny.bundle.manifest.config | SMALL)
    return [part for key, value in leaves(changed.model_dump(mode="json")) for part in ("--set", f"{key}={json.dumps(value)}")]


def later(table: pa.Table) -> pa.Table:
    time = pc.add(table["time"], pa.scalar(timedelta(days=60)))
    return table.set_column(table.column_names.index("time"), "time", time)


@pytest.fixture(scope="module")
def ablated(tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ablated")
    for name in ("clicks", "impressions"):
        pq.write_table(later(pq.read_table(tiny.data / f"{name}.parquet")), root / f"{name}.parquet")
    lines = [f"{a},{b},{4 * (tiny.topic[a] == tiny.topic[b])}" for a in tiny.urls for b in tiny.urls if a != b]
    (root / "truth.csv").write_text("\n".join(["url1,url2,quality", *lines]))
    shutil.copytree(tiny.work, root / "work/seed0/baseline/work", copy_function=os.link)  # what is built is not again
    done = invoke(
        "--data", tiny.data, "--clicks", root / "clicks.parquet", "--impressions", root / "impressions.parquet",
        "--truth", root / "truth.csv", "--out", root / "report.html", "--json", root / "figures.json",
        "--work", root / "work", "--seeds", 1, "--most-pages", 24, *overrides(tiny),
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return root


def test_it(ablated: Path) -> None:
    print((ablated / "figures.json").read_text())
    assert 0
