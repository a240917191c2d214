"""The command over the tiny set: the report, resuming, a language model's texts, and options that are wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click import unstyle
from click.testing import Result
from llm_endpoint import Server, completion, serving
from typer.testing import CliRunner

from ablations.knowledge.orderings import HOLDS, REVERSED, UNCLEAR, Ordering, summary
from cli.main import app
from configs.reading import SettingsError
from evaluation.metrics.bootstrap import Interval


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["ablate", "knowledge", *map(str, arguments)])


def run(data: Path, out: Path, encoder: Path, *more: object) -> dict:
    done = invoke(
        "--data", data, "--out", out / "report.html", "--json", out / "figures.json", "--work", out / "work",
        "--base", encoder, "--epochs", 2, "--seeds", 2, "--backbones", "din", *more,
    )  # fmt: skip
    assert done.exit_code == 0, (done.output, done.exception)
    return json.loads((out / "figures.json").read_text()) | {"printed": done.output}


def test_report_has_every_row_beside_the_papers(movielens: Path, tmp_path: Path, encoder: Path) -> None:
    found = run(movielens, tmp_path, encoder, "--no-sensitivity")
    assert [row["row"] for row in found["rows"]] == [
        "raw", "none", "basic", "topic", "llm", "trawl", "trawl-mean", "no-contrast", "no-adapter",
    ]  # fmt: skip
    trawl = next(row for row in found["rows"] if row["row"] == "trawl")
    assert (trawl["paper_auc"], trawl["paper_logloss"]) == (0.7812, 0.5538)
    assert len(trawl["auc_by_seed"]) == 2
    assert trawl["auc"]["mean"] == pytest.approx(np.mean(trawl["auc_by_seed"]), abs=1e-3)
    assert len(found["orderings"]) == 19
    html = (tmp_path / "report.html").read_text()
    assert "put together from several public copies" in html and "extracts only" in html
    assert all(text.split(":")[0] in html for text in found["statements"])


def test_finished_runs_are_kept(movielens: Path, tmp_path: Path, encoder: Path) -> None:
    rows = ("--no-sensitivity", "--rows", "none,raw")
    before = run(movielens, tmp_path, encoder, *rows)
    kept = sorted((tmp_path / "work" / "runs").iterdir())
    assert len(kept) == 4
    times = [path.stat().st_mtime_ns for path in kept]
    kept[0].unlink()
    after = run(movielens, tmp_path, encoder, *rows)
    assert [path.stat().st_mtime_ns for path in kept[1:]] == times[1:] and kept[0].is_file()
    assert [row["auc"] for row in before["rows"]] == [row["auc"] for row in after["rows"]]


def test_other_settings_are_refused_for_the_same_folder(movielens: Path, tmp_path: Path, encoder: Path) -> None:
    run(movielens, tmp_path, encoder, "--no-sensitivity", "--rows", "none")
    done = invoke(
        "--data", movielens, "--out", tmp_path / "report.html", "--work", tmp_path / "work", "--base", encoder,
        "--epochs", 3,
    )  # fmt: skip
    assert isinstance(done.exception, SettingsError)
    assert "--work" in str(done.exception) and "another epochs (2, not 3)" in str(done.exception)


def test_other_data_is_refused_for_the_same_folder(movielens: Path, tmp_path: Path, encoder: Path) -> None:
    arguments = ("--no-sensitivity", "--rows", "none")
    run(movielens, tmp_path, encoder, *arguments)
    path = movielens / "interactions.parquet"
    table = pq.read_table(path)
    place = table.column_names.index("label")
    pq.write_table(table.set_column(place, "label", pc.subtract(1, table["label"])), path)
    with pytest.raises(AssertionError, match=r"--work: .* has runs with another data"):
        run(movielens, tmp_path, encoder, *arguments)


def test_movies_and_users_share_the_spending_limit(
    movielens: Path, tmp_path: Path, encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as server:
        server.reply = lambda body: (200, completion("genre: a film that the model has read about."))
        written = _written(server, movielens, tmp_path, encoder, monkeypatch)
        spent = len(server.asked) * 120
    assert spent <= 4_000
    assert "spending limit reached" in written["users"]["failed"]


def test_a_server_that_died_for_movies_is_not_asked_for_users(
    movielens: Path, tmp_path: Path, encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as server:
        server.reply = lambda body: (0, None)
        written = _written(server, movielens, tmp_path, encoder, monkeypatch, RETRIES="0")
        assert len(server.asked) == 3
    assert written["users"]["failed"] == {"no connection": written["users"]["asked"]}


def test_what_failed_is_asked_again_and_learnt_from(
    movielens: Path, tmp_path: Path, encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as server:
        failing = True
        answer = completion("genre: a film that the model has read about.")
        server.reply = lambda body: (400, None) if failing and len(server.asked) % 3 == 0 else (200, answer)
        more = {"RETRIES": "0", "MAX_TOKENS": "1000000"}
        first = _written(server, movielens, tmp_path, encoder, monkeypatch, **more)
        asked, runs = len(server.asked), tmp_path / "work" / "runs"
        times = {path.name: path.stat().st_mtime_ns for path in runs.iterdir()}
        failed = sum(sum(written["failed"].values()) for written in first.values())
        failing = False
        again = _written(server, movielens, tmp_path, encoder, monkeypatch, **more)
        assert failed > 0 and len(server.asked) == asked + failed
        third = _written(server, movielens, tmp_path, encoder, monkeypatch, **more)
        assert len(server.asked) == asked + failed
    for name, written in again.items():
        assert written["failed"] == {} and len(written["texts"]) == written["asked"] == first[name]["asked"]
        assert first[name]["texts"].items() <= written["texts"].items()
    assert third == again
    assert times and all((runs / name).stat().st_mtime_ns > time for name, time in times.items())


def test_runs_without_such_texts_stay_when_what_failed_is_answered(
    movielens: Path, tmp_path: Path, encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as server:
        server.reply = lambda body: (400, None)
        _written(server, movielens, tmp_path, encoder, monkeypatch, rows="raw,trawl", RETRIES="0")
        kept = tmp_path / "work" / "runs" / "raw-din-0.npz"
        before = kept.stat().st_mtime_ns
        server.reply = lambda body: (200, completion("genre: a film that the model has read about."))
        _written(server, movielens, tmp_path, encoder, monkeypatch, rows="raw,trawl", RETRIES="0")
    assert kept.stat().st_mtime_ns == before


def _written(
    server: Server,
    data: Path,
    out: Path,
    encoder: Path,
    monkeypatch: pytest.MonkeyPatch,
    rows: str = "trawl",
    **more: str,
) -> dict:  # fmt: skip
    """Return what a model wrote of all movies and users, one call at a time and of 4,000 tokens."""
    given = {"BASE_URL": server.url, "MODEL": "tiny", "CACHE": str(out / "answers.sqlite"), "MAX_TOKENS": "4000"}
    for name, value in {**given, "CONCURRENCY": "1", **more}.items():
        monkeypatch.setenv(f"ONWARD_LLM_{name}", value)
    run(data, out, encoder, "--no-sensitivity", "--rows", rows, "--seeds", 1, "--epochs", 1,
        "--llm-movies", 30, "--llm-users", 40)  # fmt: skip
    return {name: json.loads((out / "work" / f"written-{name}.json").read_text()) for name in ("movies", "users")}


def test_sensitivity_is_drawn(movielens: Path, tmp_path: Path, encoder: Path) -> None:
    found = run(movielens, tmp_path, encoder, "--rows", "trawl", "--seeds", 1)
    assert set(found["sensitivity"]) == {"users", "movies", "temperature"}
    assert "0.15" in found["sensitivity"]["temperature"]
    assert (tmp_path / "report.html").read_text().count("<svg") == 3


def test_model_writes_of_the_most_rated_movies_and_first_users(
    movielens: Path, tmp_path: Path, encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as server:
        server.reply = lambda body: (200, completion("genre: a film that the model has read about."))
        monkeypatch.setenv("ONWARD_LLM_BASE_URL", server.url)
        monkeypatch.setenv("ONWARD_LLM_MODEL", "tiny")
        monkeypatch.setenv("ONWARD_LLM_CACHE", str(tmp_path / "answers.sqlite"))
        found = run(movielens, tmp_path, encoder, "--no-sensitivity", "--rows", "trawl", "--seeds", 1,
                    "--llm-movies", 5, "--llm-users", 2)  # fmt: skip
    said = found["facts"]["TRAWL's texts"]
    assert "tiny wrote of 5 of the 5 most rated movies" in said
    movies = json.loads((tmp_path / "work" / "written-movies.json").read_text())
    users = json.loads((tmp_path / "work" / "written-users.json").read_text())
    assert len(movies["texts"]) == 5 and len(users["texts"]) == users["asked"] > 1


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [("--rows", "raw,nothing", "'nothing'"), ("--backbones", "gru", "'gru'"), ("--users", "3", "10"),
     ("--seeds", "11", "10")],
)  # fmt: skip
def test_wrong_option_is_named(movielens: Path, tmp_path: Path, option: str, value: str, says: str) -> None:
    done = invoke("--data", movielens, "--out", tmp_path / "report.html", option, value)
    printed = unstyle(done.output)
    assert done.exit_code == 2
    assert option in printed and says in printed


def test_out_in_a_missing_directory(movielens: Path, tmp_path: Path) -> None:
    done = invoke("--data", movielens, "--out", tmp_path / "no" / "report.html")
    assert done.exit_code == 2 and "--out" in done.output


@pytest.mark.parametrize(
    ("low", "high", "paper", "verdict"),
    [(0.01, 0.02, 0.01, HOLDS), (0.01, 0.02, -0.01, REVERSED), (-0.01, 0.02, 0.01, UNCLEAR), (-0.02, -0.01, -1, HOLDS)],
)
def test_verdict_follows_the_interval(low: float, high: float, paper: float, verdict: str) -> None:
    auc = Interval((low + high) / 2, low, high)
    assert Ordering("din", "raw", "none", auc, auc, paper).verdict == verdict


def test_summary_names_the_better_row_of_the_paper_first() -> None:
    auc = Interval(-0.02, -0.03, -0.01)
    found = [Ordering(backbone, "raw", "none", auc, auc, -0.01) for backbone in ("din", "dien")]
    assert summary(found) == ["no external knowledge above raw text: holds with DIN, DIEN."]
