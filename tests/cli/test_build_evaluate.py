from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from typer.testing import CliRunner

from cli.main import app
from configs.reading import SettingsError
from corpus.schema import InputError
from service.process.errors import one_line
from store.one_run import LOCK

LATE = "2025-04-05"  # the tiny corpus ends on 2025-04-10
PATHS = {"coclick", "cf", "two_tower", "qprime", "related", "knowledge"}


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def figures(tiny, tmp_path_factory) -> dict[str, dict[str, float | None]]:
    out = tmp_path_factory.mktemp("figures") / "figures.json"
    logs = ("--clicks", tiny.data / "clicks.parquet", "--impressions", tiny.data / "impressions.parquet")
    options = ("--since", LATE, "--most-pages", 30, "--json", out)
    result = invoke("evaluate", "--bundles", tiny.bundles, *logs, *options)
    assert result.exit_code == 0, result.output
    report = orjson.loads(out.read_bytes())
    assert report["bundle"] == tiny.bundle.name
    assert (
        report["in_sample"] is True and "in-sample: the bundle has learnt from its log until 2025-04-" in result.output
    )
    assert (report["pages"], report["rows"]["clicks"]["later"]) == (30, 0)
    return report["rankings"]


def test_every_path_stage_and_weight_is_measured(figures) -> None:
    recall = {f"recall {path}" for path in PATHS}
    assert figures.keys() == {
        "popularity",
        "transitions",
        "co-visits",
        *recall,
        "stage 1",
        "answer λ=0",
        "answer λ=0.32",
    }


def test_every_figure_is_a_share(figures) -> None:
    for metrics in figures.values():
        assert all(0 <= value <= 1 for value in metrics.values())


def test_transitions_predict_better_than_popularity_and_ranking_keeps_what_recall_found(figures) -> None:
    recall = {name: metrics["recall_at_30"] for name, metrics in figures.items()}
    assert recall["transitions"] > recall["popularity"]
    assert recall["stage 1"] > recall["popularity"]
    assert recall["answer λ=0"] == pytest.approx(recall["stage 1"], abs=0.05)


def test_a_path_that_is_turned_off_is_not_measured(tiny, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    options = ("--clicks", tiny.data / "clicks.parquet", "--since", LATE, "--most-pages", 2, "--json", out)
    result = invoke("evaluate", "--bundles", tiny.bundles, *options, "--set", "recall.coclick.limit=0")
    assert result.exit_code == 0, result.output
    measured = {name for name in orjson.loads(out.read_bytes())["rankings"] if name.startswith("recall ")}
    assert measured == {f"recall {path}" for path in PATHS - {"coclick"}}


def test_a_log_without_held_out_steps_is_an_error_and_not_measured(tiny) -> None:
    result = invoke("evaluate", "--bundles", tiny.bundles, "--clicks", tiny.data / "clicks.parquet")
    assert isinstance(result.exception, InputError)
    assert "no session began after the bundle's end" in str(result.exception)


def test_figures_on_a_later_log_are_not_in_sample(tiny, tmp_path: Path) -> None:
    clicks = pq.read_table(tiny.data / "clicks.parquet")
    later = pc.add(clicks["time"], pa.scalar(timedelta(days=60)))
    pq.write_table(clicks.set_column(2, "time", later), tmp_path / "clicks.parquet")
    out = tmp_path / "figures.json"
    options = ("--clicks", tmp_path / "clicks.parquet", "--since", "2025-05-01", "--most-pages", 2, "--json", out)
    result = invoke("evaluate", "--bundles", tiny.bundles, *options)
    assert result.exit_code == 0, result.output
    assert orjson.loads(out.read_bytes())["in_sample"] is False and "in-sample" not in result.output


def test_one_step_builds_its_inputs_and_publishes_nothing(tiny, tmp_path: Path) -> None:
    result = invoke("build", "read", "--data", tiny.data, "--bundles", tmp_path, "--until", "2025-03-20")
    assert result.exit_code == 0, result.output
    assert {path.name for path in tmp_path.iterdir()} == {LOCK, "work"}
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["read"]
    split = json.loads((tmp_path / "work/read/split.json").read_text())
    assert datetime.fromisoformat(split["end"]) <= datetime(2025, 3, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("step", "hint"),
    [("coclik", "did you mean coclick? the steps are read, text, "), ("nosuch", "the steps are read, ")],
)
def test_an_unknown_step_is_one_clear_line(tmp_path: Path, step: str, hint: str) -> None:
    error = invoke("build", step, "--data", tmp_path, "--bundles", tmp_path).exception
    assert isinstance(error, SettingsError)
    assert str(one_line(error)).startswith(f"onward: unknown step {step}: {hint}")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_without_pages_is_one_clear_line(tmp_path: Path) -> None:
    error = invoke("build", "--data", tmp_path, "--bundles", tmp_path / "bundles").exception
    assert isinstance(error, InputError)
    assert "has no pages table: add pages.parquet" in str(one_line(error))


def test_an_unknown_setting_is_one_clear_line(tiny, tmp_path: Path) -> None:
    arguments = ("--data", tiny.data, "--bundles", tmp_path, "--set", "coclik.prior=1")
    error = invoke("build", *arguments).exception
    assert isinstance(error, SettingsError)
    assert one_line(error) == "onward: unknown setting coclik.prior: did you mean coclick.prior?"
    assert list(tmp_path.iterdir()) == []
