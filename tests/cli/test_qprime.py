from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_causal
from click.testing import Result
from typer.testing import CliRunner
from written_queries import FOX, write_pages, write_queries

from cli.main import app
from configs.reading import SettingsError
from corpus.schema import InputError
from recall.qprime.row import read
from recall.qprime.small_writer.instructions import conversation
from store.page_row import read_text
from store.tables import LmdbTable


def invoke(command: str, *arguments: object) -> Result:
    return CliRunner().invoke(app, ["qprime", command, *map(str, arguments)])


@pytest.fixture
def files(tmp_path: Path) -> tuple[object, ...]:
    queries, pages = write_queries(tmp_path / "queries.parquet"), write_pages(tmp_path / "pages.parquet")
    return "--queries", queries, "--pages", pages, "--out", tmp_path / "sft.jsonl"


def lines(path: Path) -> list[list[dict[str, str]]]:
    return [json.loads(line)["messages"] for line in path.read_text().splitlines()]


def test_conversations_are_written_and_counted(files: tuple[object, ...], tmp_path: Path) -> None:
    result = invoke("export-sft", *files)
    assert result.exit_code == 0, result.output
    assert "sft.jsonl: 3 conversations, 1 of them N/A, 3 queries" in result.stdout
    assert "1 pages left out: not answered" in result.stderr
    assert len(lines(tmp_path / "sft.jsonl")) == 3


def test_an_own_prompt_is_used(files: tuple[object, ...], tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_text("Read $url: $text")
    assert invoke("export-sft", *files, "--prompt", tmp_path / "prompt.txt").exit_code == 0
    assert f"Read {FOX}: A snippet. The body, which goes on." in {user["content"] for user, _ in lines(files[-1])}


def test_invalid_input_is_an_error_and_leaves_no_file(files: tuple[object, ...], tmp_path: Path) -> None:
    write_queries(tmp_path / "queries.parquet", [(FOX, "written", {"fox": 0.5, "": 0.5})])
    before = sorted(tmp_path.iterdir())
    result = invoke("export-sft", *files)
    assert isinstance(result.exception, InputError)
    assert sorted(tmp_path.iterdir()) == before


def test_clicked_needs_to_know_what_was_clicked(files: tuple[object, ...]) -> None:
    result = invoke("export-sft", *files, "--clicked")
    assert result.exit_code == 2
    assert "--impressions" in result.output


def test_clicked_keeps_the_queries_of_a_bundle_whose_pages_were_clicked(tiny, tmp_path: Path) -> None:
    table, texts = (LmdbTable(tiny.bundle.file(f"tables/{name}.lmdb")) for name in ("qprime", "pages"))
    page, packed = next((page, row) for page, row in table.items() if len(read(row).queries) > 1)
    row = read(packed)
    rows = texts.read(np.array([page, int(row.pages[0])], np.uint64))
    url, clicked = (read_text(text).url for text in rows if text is not None)
    table.close()
    texts.close()
    (tmp_path / "shown.csv").write_text(f"url1,url2,clicked,dwell_s\n{url},{clicked},true,60\n")
    queries = write_queries(tmp_path / "q.parquet", [(url, "written", dict.fromkeys(row.queries, 0.5))])
    pages = write_pages(tmp_path / "p.parquet", [url])
    result = invoke(
        "export-sft", "--queries", queries, "--pages", pages, "--out", tmp_path / "sft.jsonl",
        "--clicked", "--bundles", tiny.bundles, "--impressions", tmp_path / "shown.csv",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    [[_, answer]] = lines(tmp_path / "sft.jsonl")
    assert [query["query"] for query in json.loads(answer["content"])] == [row.queries[row.query[0]]]
    assert f"{len(row.queries) - 1} queries left out: without a satisfied click" in result.stderr


def test_a_writer_is_trained_and_merged(tmp_path: Path) -> None:
    base, out = tiny_causal.save(tmp_path / "base"), tmp_path / "out"
    data = tmp_path / "sft.jsonl"
    data.write_bytes(conversation("Queries for a fox?", "N/A") + conversation("a " * 200, "N/A"))
    training = ("--base", base, "--data", data, "--out", out, "--steps", 3, "--batch", 2, "--max-length", 100)
    result = invoke("train-writer", *training, "--merge")
    assert result.exit_code == 0, result.output
    assert "1 conversations, loss " in result.stdout
    assert "1 left out: longer than 100 tokens" in result.stderr
    assert {path.name for path in out.iterdir()} >= {"adapter", "merged", "curve.json"}
    again = invoke("train-writer", *training[:-2], "--max-length", 101)
    assert isinstance(again.exception, SettingsError)
    assert "another max_length" in str(again.exception)


def test_an_invalid_base_model_is_an_error_on_one_line(tmp_path: Path) -> None:
    (tmp_path / "sft.jsonl").write_bytes(conversation("a", "b"))
    named = ("--base", tmp_path / "nothing", "--data", tmp_path / "sft.jsonl", "--out", tmp_path / "out")
    result = invoke("train-writer", *named)
    assert isinstance(result.exception, SettingsError)
    assert "\n" not in str(result.exception)


def test_help_loads_no_training_library() -> None:
    code = "import sys, cli.main; sys.exit(any(name in sys.modules for name in ('torch', 'peft', 'pyarrow', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
