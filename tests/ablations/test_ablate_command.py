"""The ablation over the tiny corpus, whose readers come back two months later; two layers of MiniLM are its encoder."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from typer.testing import CliRunner

from ablations import held_out_pages
from cli.main import app
from configs.reading import leaves
from corpus.label_split import is_training
from pipeline.config import BuildConfig
from text_model.base import load_encoder, resolve, shorten
from text_model.packaged import PACKAGED

TEACHERS = {"click_steps": 2, "quality_steps": 2, "triplets": 4, "labels": 4, "pool": 150, "frozen_layers": 1}
STUDENT = {"distil": False, "pairs": 8, "steps": 25, "triplets": 4, "labels": 8, "frozen_layers": 1}
PAGES = 24


@pytest.fixture(autouse=True)
def no_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MODEL", "BASE_URL", "KEY"):
        monkeypatch.delenv(f"ONWARD_LLM_{name}", raising=False)


@pytest.fixture(scope="module")
def settings(tiny, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    base = tmp_path_factory.mktemp("base")
    encoder = load_encoder(PACKAGED)
    shorten(encoder, 2)
    encoder.save_pretrained(base)
    shutil.copyfile(Path(resolve(PACKAGED)) / "tokenizer.json", base / "tokenizer.json")
    config = BuildConfig.model_validate(tiny.bundle.manifest.config)
    changed = config.model_dump(mode="json")
    changed["text"] |= {"base": str(base), "judged_tokens": 24}
    changed["teachers"] = asdict(config.teachers) | TEACHERS | {"base": str(base)}
    changed["cross_encoder"] = asdict(config.cross_encoder) | STUDENT | {"head_rate": 0.01, "rate": 1e-3}
    changed["examples"] |= {"groups": 120, "stage2_pages": 12}
    changed["stage1"] |= {"trees": 3}
    changed["stage2"] |= {"trees": 3}
    changed["two_tower"] |= {"head_steps": 5}
    return [part for key, value in leaves(changed) for part in ("--set", f"{key}={json.dumps(value)}")]


@pytest.fixture(scope="module")
def logs(tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the tiny corpus' readers do later, and the truth: pages of one topic are good after each other."""
    root = tmp_path_factory.mktemp("later")
    for name in ("clicks", "impressions"):
        table = pq.read_table(tiny.data / f"{name}.parquet")
        time = pc.add(table["time"], pa.scalar(timedelta(days=60)))
        pq.write_table(table.set_column(table.column_names.index("time"), "time", time), root / f"{name}.parquet")
    lines = [f"{a},{b},{4 * (tiny.topic[a] == tiny.topic[b])}" for a in tiny.urls for b in tiny.urls if a != b]
    (root / "truth.csv").write_text("\n".join(["url1,url2,quality", *lines]))
    return root


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["ablate", *map(str, arguments)])


def ablate(tiny, logs: Path, out: Path, settings: list[str], *more: object) -> dict:
    done = invoke(
        "--data", tiny.data, "--clicks", logs / "clicks.parquet", "--work", out / "work", "--seeds", 1,
        "--out", out / "report.html", "--json", out / "figures.json", "--most-pages", PAGES, *settings, *more,
    )  # fmt: skip
    assert done.exit_code == 0, (done.output, done.exception)
    return json.loads((out / "figures.json").read_text()) | {"printed": done.output}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ablated")


@pytest.fixture(scope="module")
def ablated(tiny, logs: Path, settings: list[str], directory: Path) -> dict:
    measured_by = ("--impressions", logs / "impressions.parquet", "--truth", logs / "truth.csv")
    return ablate(tiny, logs, directory, settings, *measured_by)


def rows(report: dict, number: int) -> dict:
    return next(table for table in report["tables"] if table["number"] == number)["rows"]


def test_every_table_shows_the_papers_figures(ablated: dict) -> None:
    assert [table["number"] for table in ablated["tables"]] == [1, 2, 3, 5]
    found = {
        name: figures["RecoDCG@5"]["paper"]
        for number in (2, 3, 5)
        for name, figures in rows(ablated, number).items()
        if "(absolute)" not in name
    }
    assert found == {
        "CE loss": 8.48, "soft CE loss": 8.29, "teacher distillation": 9.76, "direct fine-tuning": 1.44,
        "quality-aware ranking": 5.1, "Q' recall": 0.762, "both": 5.862,
    }  # fmt: skip
    for number in (2, 3, 5):
        for name, figures in rows(ablated, number).items():
            for figure in figures.values():
                assert figure["low"] <= figure["mean"] <= figure["high"], name
                assert len(figure["seeds"]) == ("(absolute)" not in name)


def test_the_report_is_one_file_with_every_table_and_the_curve(ablated: dict, directory: Path) -> None:
    page = (directory / "report.html").read_text()
    assert [f"<h2>Table {number}" in page for number in (1, 2, 3, 5)] == [True] * 4
    assert page.count("<svg") == 1
    assert "http" not in page
    assert "agrees in sign?" in page


def test_notes_say_what_is_missing(ablated: dict) -> None:
    notes = {table["number"]: " ".join(table["notes"]) for table in ablated["tables"]}
    assert "No endpoint is set" in notes[1]
    assert "No golden pairs" in notes[1]
    assert "cannot give the CTR" in notes[5]
    assert "CTR %" not in rows(ablated, 5)["both"]


def test_the_weight_is_chosen_on_pages_other_than_the_reporting_ones(ablated: dict) -> None:
    facts = ablated["facts"]
    counted = [
        facts[f"held-out pages ({part})"].split(",")[0] for part in (held_out_pages.CHOOSING, held_out_pages.REPORTING)
    ]
    assert sum(map(int, counted)) == PAGES
    assert min(map(int, counted)) > 0
    assert "chosen per bundle on one half" in ablated["rule"]


def test_no_label_of_a_measured_page_was_trained_on(ablated: dict, directory: Path) -> None:
    for arm in ("baseline", "student-direct", "teachers-ce"):
        table = pq.read_table(directory / f"work/seed0/{arm}/work/labels/labels.parquet")
        assert is_training(table["page1"].to_numpy(), 0.5).all()


def test_the_second_run_builds_nothing_and_says_what_is_missing(
    ablated: dict, tiny, logs: Path, settings: list[str], directory: Path, tmp_path: Path
) -> None:
    """Clicks alone, no truth: the rubric judges, and λ is the build's."""
    (tmp_path / "work").symlink_to(directory / "work")
    report = ablate(tiny, logs, tmp_path, settings, "--tables", "5")
    assert "✓" not in report["printed"]
    assert report["facts"]["truth"].startswith("the rubric: no --truth was given")
    assert "λ = 0.32 is the build's setting" in report["rule"]
    assert "so ClickNDCG is missing" in " ".join(report["tables"][0]["notes"])
    both = rows(report, 5)["both"]
    assert both["HR@5"]["mean"] is not None
    assert both["filtered ClickNDCG@5"]["mean"] is None


def test_the_arm_without_qprime_has_an_empty_table(ablated: dict, directory: Path) -> None:
    figures = {
        arm: json.loads((directory / f"work/seed0/{arm}/work/qprime/done.json").read_text())["figures"]["rows"]
        for arm in ("baseline", "qprime")
    }
    assert figures["baseline"] == 0
    assert figures["qprime"] > 0


def test_golden_pairs_measure_the_judges_that_need_no_endpoint(tmp_path: Path) -> None:
    golden, report = tmp_path / "golden.csv", tmp_path / "report.html"
    fox = ("https://a.example/fox", "Red fox", "The red fox hunts rodents at night.")
    others = [
        ("arctic", "Arctic fox", "The arctic fox hunts rodents.", 1),
        ("granite", "Granite", "A coarse stone.", 0),
    ]
    lines = [f"{','.join(fox)},https://b.example/{name},{title},{text},{good}" for name, title, text, good in others]
    golden.write_text("\n".join(["url1,title1,snippet1,url2,title2,snippet2,good_rate", *lines]))
    nothing = ("--data", tmp_path, "--clicks", tmp_path / "none.csv", "--tables", "1")
    done = invoke(*nothing, "--golden", golden, "--out", report, "--json", tmp_path / "figures.json")
    assert done.exit_code == 0, done.output
    (table,) = json.loads((tmp_path / "figures.json").read_text())["tables"]
    assert table["rows"]["rubric"]["good_rate"]["mean"] == 1
    assert "No endpoint is set" in report.read_text()


def test_a_table_that_is_not_measured_is_one_clear_line(tmp_path: Path) -> None:
    done = invoke("--data", tmp_path, "--clicks", tmp_path, "--out", tmp_path / "r.html", "--tables", "4")
    assert done.exit_code == 2
    assert "unknown table 4: choose from 1, 2, 3, 5" in " ".join(done.output.replace("│", " ").split())
