from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from click.testing import Result
from typer.testing import CliRunner

from cli.main import app
from corpus.schema import InputError

LATE = "2025-04-05"  # the tiny corpus ends on 2025-04-10


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def truth(tiny, tmp_path_factory) -> Path:
    """Pages of one topic are good after each other, all others are useless."""
    path = tmp_path_factory.mktemp("truth") / "pairs.csv"
    lines = [f"{a},{b},{4 * (tiny.topic[a] == tiny.topic[b])}" for a in tiny.urls for b in tiny.urls if a != b]
    path.write_text("\n".join(["url1,url2,quality", *lines]))
    return path


def measured(tiny, command: str, out: Path, *more: object) -> Result:
    logs = ("--clicks", tiny.data / "clicks.parquet", "--impressions", tiny.data / "impressions.parquet")
    return invoke(command, "--bundles", tiny.bundles, *logs, "--since", LATE, "--most-pages", 30, "--json", out, *more)


def test_evaluate_measures_quality_with_the_truth(tiny, truth: Path, tmp_path: Path) -> None:
    done = measured(tiny, "evaluate", tmp_path / "figures.json", "--truth", truth)
    assert done.exit_code == 0, done.output
    report = orjson.loads((tmp_path / "figures.json").read_bytes())
    assert report["truth"]["source"].endswith("judged pairs")
    for metrics in report["rankings"].values():
        for name in ("reco_dcg_at_1", "reco_dcg_at_3", "reco_dcg_at_5", "filtered_click_ndcg_at_5"):
            found = metrics[name]
            assert 0 <= found["low"] <= found["mean"] <= found["high"] <= 100
    reco = {name: metrics["reco_dcg_at_5"]["mean"] for name, metrics in report["rankings"].items()}
    assert reco["answer λ=0.32"] > reco["popularity"] + 20


def test_tradeoff_writes_the_curve_and_chooses_a_weight(tiny, truth: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = measured(tiny, "tradeoff", tmp_path / "curve.json", "--truth", truth, "--out", page)
    assert done.exit_code == 0, done.output
    curve = orjson.loads((tmp_path / "curve.json").read_bytes())
    strategies = {point["strategy"] for point in curve["points"]}
    assert strategies == {"linear", "dynamic", "piecewise"}
    assert curve["chosen"]["strategy"] == "linear"
    assert "<svg" in page.read_text()
    assert "collect more" in curve["warning"]  # thirty pages are too few
    assert curve["warning"] in done.output
    assert curve["warning"] in page.read_text()
    assert curve["clicks of these pages"].startswith("in-sample: the bundle has learnt from its log until 2025-04-")
    assert curve["clicks of these pages"] in done.output


def test_tradeoff_chooses_on_other_pages_than_it_reports(tiny, truth: Path, tmp_path: Path) -> None:
    done = measured(tiny, "tradeoff", tmp_path / "curve.json", "--truth", truth, "--out", tmp_path / "report.html")
    assert done.exit_code == 0, done.output
    curve = orjson.loads((tmp_path / "curve.json").read_bytes())
    assert curve["measured_pages"] == curve["pages"] == 15
    assert curve["measured_pages, of the pages that chose λ"] == 15
    assert curve["points"] != curve["choosing"]
    assert curve["labels of these pages"] == "may be in the training data: build with --until"


def test_a_curve_without_impressions_is_one_clear_line(tiny, truth: Path, tmp_path: Path) -> None:
    nothing = tmp_path / "impressions.csv"
    nothing.write_text("impression,time,url1,url2,position,clicked\n")
    logs = ("--clicks", tiny.data / "clicks.parquet", "--impressions", nothing, "--since", LATE, "--most-pages", 3)
    done = invoke("tradeoff", "--bundles", tiny.bundles, *logs, "--truth", truth, "--out", tmp_path / "report.html")
    assert isinstance(done.exception, InputError)
    assert "no held-out impression has a satisfied click" in str(done.exception)


def test_simulate_writes_tables_that_a_build_reads(tmp_path: Path) -> None:
    done = invoke("simulate", "--pages", 1000, "--sessions", 500, "--seed", 3, "--out", tmp_path / "web")
    assert done.exit_code == 0, done.output
    assert "1,000 pages" in done.output
    built = invoke("build", "read", "--data", tmp_path / "web", "--bundles", tmp_path / "bundles")
    assert built.exit_code == 0, built.output
