from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import Result
from llm_endpoint import Server, completion, scored, serving
from typer.testing import CliRunner

from cli.main import app
from corpus.files.pairs import TextPair
from corpus.schema import InputError
from service.process.errors import one_line

FOXES = ("https://a.example/fox", "Red fox", "The red fox hunts small rodents at night, alone.")
ROWS = [
    (*FOXES, "https://b.example/arctic", "Arctic fox", "The arctic fox hunts lemmings and other rodents.", 1.0),
    (*FOXES, "https://b.example/wolf", "Wolf", "Wolves hunt in packs, larger animals than a fox does.", 0.5),
    (*FOXES, "https://b.example/granite", "Granite", "A coarse stone of quartz and feldspar.", 0.0),
    (*FOXES, "https://b.example/bare", "", "", 0.5),
]
QUALITY = {"Arctic fox": 4.0, "Wolf": 3.0, "Granite": 1.0}


@pytest.fixture(autouse=True)
def no_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MODEL", "BASE_URL", "KEY"):
        monkeypatch.delenv(f"ONWARD_LLM_{name}", raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.csv"
    with path.open("w", newline="") as out:
        csv.writer(out).writerows([(*TextPair._fields, "good_rate"), *ROWS])
    return path


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def reply(body: dict) -> tuple[int, dict]:
        asked = body["messages"][0]["content"]
        value = next(int(quality) for title, quality in QUALITY.items() if f"Title: {title}\n" in asked)
        if "logprobs" in body:
            return 200, scored({f" {other}": 0.96 if other == value else 0.01 for other in range(5)})
        return 200, completion(f"Scores: {', '.join([str(value)] * 5)}")

    with serving() as server:
        server.reply = reply
        monkeypatch.setenv("ONWARD_LLM_MODEL", "judge-1")
        monkeypatch.setenv("ONWARD_LLM_BASE_URL", server.url)
        monkeypatch.setenv("ONWARD_LLM_CACHE", str(tmp_path / "answers.sqlite"))
        yield server


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["judge", *map(str, arguments)])


def test_without_an_endpoint_the_rubric_labels_and_says_so(file: Path, tmp_path: Path) -> None:
    done = invoke("--pairs", file, "--out", tmp_path / "labels.jsonl")
    assert done.exit_code == 0, done.output
    assert "the rubric judges" in done.output
    assert "rubric: 1 without a label: a page without text" in done.output
    rows = [json.loads(line) for line in (tmp_path / "labels.jsonl").read_text().splitlines()]
    arctic, wolf, granite, bare = (row["quality"] for row in rows)
    assert arctic > wolf > granite
    assert bare is None
    assert rows[3]["reason"] == "a page without text"
    assert {row["source"] for row in rows} == {"rubric"}


def test_an_endpoint_labels_where_one_is_set(file: Path, tmp_path: Path, endpoint: Server) -> None:
    done = invoke("--pairs", file, "--prompt", "A", "--out", tmp_path / "labels.parquet")
    assert done.exit_code == 0, done.output
    rows = pq.read_table(tmp_path / "labels.parquet").to_pydict()
    assert rows["quality"] == [4.0, 3.0, 1.0, None]
    assert rows["source"] == ["judge-1 A"] * 4
    assert "360 tokens (120 and " in done.output
    assert " s per pair asked), 0 answers from the cache" in done.output


def test_every_prompt_is_measured_with_rubric_and_cosine_as_baselines(
    file: Path, tmp_path: Path, endpoint: Server
) -> None:
    options = ("--sheet", tmp_path / "sheet.csv", "--json", tmp_path / "figures.json", "--most", 2)
    done = invoke("--golden", file, "--prompts", "A,B,C", *options)
    assert done.exit_code == 0, done.output
    figures = json.loads((tmp_path / "figures.json").read_text())
    by_judge = {figure["judge"]: figure for figure in figures["accuracy"]}
    assert list(by_judge) == ["judge-1 A", "judge-1 B", "judge-1 C", "rubric", "MiniLM cosine"]
    assert by_judge["judge-1 C"]["accuracy"]["mean"] == 1.0
    assert by_judge["judge-1 C"]["pairs"] == 3
    assert figures["unscored"]["judge-1 C"] == {"a page without text": 1}
    with (tmp_path / "sheet.csv").open() as sheet:
        rows = list(csv.DictReader(sheet))
    assert len(rows) == 2
    assert {"disagreement", "good_rate", "judge-1 A", "judge-1 C", "title1", "snippet2"} <= rows[0].keys()
    assert float(rows[0]["disagreement"]) == pytest.approx(0.25, abs=0.02)  # 3 / 4 against 0.5, 1 / 4 against 0


def test_the_limit_on_tokens_is_an_option(file: Path, tmp_path: Path, endpoint: Server) -> None:
    done = invoke("--pairs", file, "--out", tmp_path / "labels.csv", "--max-tokens", 0)
    assert done.exit_code == 0, done.output
    assert "judge-1 C: 3 without a label: spending limit reached" in done.output
    assert endpoint.asked == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give either --pairs with --out, or --golden"),
        (("--pairs", "p.csv"), "--pairs needs --out"),
        (("--pairs", "p.csv", "--golden", "g.csv"), "give either"),
    ],
)
def test_options_that_exclude_each_other_are_an_error(arguments: tuple[str, ...], message: str) -> None:
    done = invoke(*arguments)
    assert done.exit_code == 2
    assert message in " ".join(done.output.replace("│", " ").split())


@pytest.mark.parametrize(
    ("header", "arguments", "message"),
    [
        ("url1,title1,snippet1,url2,title2", ("--golden",), "column 'snippet2' is missing"),
        (",".join(TextPair._fields), ("--golden",), "golden pairs have no label"),
        (",".join(TextPair._fields), ("--out", "labels.txt", "--pairs"), "labels.txt has an unknown extension"),
        (",".join(TextPair._fields), ("--out", "nowhere/labels.csv", "--pairs"), "nowhere is not a directory"),
    ],
)
def test_an_invalid_file_is_one_clear_line(
    tmp_path: Path, header: str, arguments: tuple[str, ...], message: str
) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(f"{header}\n")
    error = invoke(*arguments, path).exception
    assert isinstance(error, InputError)
    assert message in str(one_line(error))


def test_no_pairs_give_no_labels(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text(",".join(TextPair._fields) + "\n")
    done = invoke("--pairs", tmp_path / "pairs.csv", "--out", tmp_path / "labels.jsonl")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "labels.jsonl").read_bytes() == b""
