from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from typer.testing import CliRunner

from cli.main import app
from corpus.files.pairs import TextPair
from pipeline.build import build
from pipeline.config import BuildConfig
from ranking.cross_encoder.pairs import open_pair_model
from ranking.quality.text_pairs import RubricTextJudge
from text_model.tokens import PageTokenizer

COLUMNS = ("url1", "title1", "snippet1", "url2", "title2", "snippet2")
ROSES = ("https://elsewhere.example/roses", "Roses for small gardens", "Prune in spring.")
SOIL = ("https://elsewhere.example/soil", "What soil do roses want?", "Loam and compost.")
LONG = ("https://elsewhere.example/bread", "Bread", "flour yeast dough oven crust knead sourdough bake loaf " * 9)


def write(path: Path, rows: list[tuple[str, ...]]) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(pa.table(dict(zip(COLUMNS, zip(*rows, strict=True), strict=True))), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(dict(zip(COLUMNS, row, strict=True))) + "\n" for row in rows))
    else:
        path.write_text("".join(",".join(row) + "\n" for row in (COLUMNS, *rows)))
    return path


def score(bundles: Path, pairs: Path, *options: str) -> tuple[Result, list[dict]]:
    out = pairs.with_name("scores.jsonl")
    command = ["score", "--bundles", str(bundles), "--pairs", str(pairs), "--out", str(out), *options]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    return result, [json.loads(line) for line in out.read_text().splitlines()]


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl"])
def test_unknown_pages_are_scored(tiny, tmp_path: Path, ending: str) -> None:
    rows = [(*ROSES, *SOIL), (*ROSES, *LONG), (*SOIL, *ROSES)]
    _, scores = score(tiny.bundles, write(tmp_path / f"pairs{ending}", rows))
    assert [(row["url1"], row["url2"]) for row in scores] == [(row[0], row[3]) for row in rows]
    assert all(row.keys() == {"url1", "url2", "click", "quality"} for row in scores)
    assert all(np.isfinite(row["click"]) and 0 <= row["quality"] <= 4 for row in scores)


def test_a_known_page_scores_as_it_does_in_an_answer(tiny, tmp_path: Path) -> None:
    table = pq.read_table(tiny.data / "pages.parquet").slice(0, 6).to_pylist()
    words = [(page["url"], page["title"], page["snippet"]) for page in table]
    _, scores = score(tiny.bundles, write(tmp_path / "pairs.jsonl", [(*words[0], *other) for other in words[1:]]))
    tokenizer = PageTokenizer(tiny.bundle.file("tokenizer.json"), 22)
    ids, _ = tokenizer.encode(*zip(*words, strict=True))
    model = open_pair_model(tiny.bundle.path / "cross_encoder", tokenizer.marks)
    click, quality = model.run([ids[0]], ids[1:])
    assert [row["click"] for row in scores] == pytest.approx(click.tolist(), abs=1e-3)
    assert [row["quality"] for row in scores] == pytest.approx(quality.tolist(), abs=1e-3)


def test_pairs_that_cannot_be_scored_are_counted_and_give_a_line_with_an_error(tiny, tmp_path: Path) -> None:
    nothing, broken = ("https://elsewhere.example/x", "", ""), ("roses", "Roses", "")
    rows = [(*ROSES, *nothing), (*ROSES, *SOIL), (*broken, *SOIL), (*nothing, *SOIL)]
    result, scores = score(tiny.bundles, write(tmp_path / "pairs.jsonl", rows))
    errors = ["a page without text", None, "invalid URL", "a page without text"]
    assert [row.get("error") for row in scores] == errors
    assert [row["quality"] is None for row in scores] == [True, False, True, True]
    assert "1 pairs scored" in result.output
    assert "2 not scored: a page without text" in result.output


def test_with_the_rubric_quality_is_the_mean_of_both(tiny, tmp_path: Path) -> None:
    rows = [(*ROSES, *SOIL), (*ROSES, *LONG)]
    pairs = write(tmp_path / "pairs.jsonl", rows)
    alone, both = ([row["quality"] for row in score(tiny.bundles, pairs, *given)[1]] for given in ((), ("--rubric",)))
    rubric = RubricTextJudge().judge([TextPair(*row) for row in rows]).quality
    assert both == pytest.approx(((np.array(alone) + rubric) / 2).tolist(), abs=1e-5)


def test_a_file_without_pairs_gives_a_file_without_scores(tiny, tmp_path: Path) -> None:
    _, scores = score(tiny.bundles, write(tmp_path / "pairs.csv", []))
    assert scores == []


def test_a_bundle_of_only_pages_and_labels_scores_pairs(tiny, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    shutil.copy(tiny.data / "pages.parquet", tmp_path / "data")
    urls = np.array(tiny.urls)
    first, second = np.random.default_rng(0).integers(0, len(urls), (2, 200))
    quality = [4.0 if tiny.topic[urls[a]] == tiny.topic[urls[b]] else 0.0 for a, b in zip(first, second, strict=True)]
    labels = pa.table({"url1": urls[first], "url2": urls[second], "quality": quality})
    pq.write_table(labels, tmp_path / "data/labels.parquet")
    build(tmp_path / "data", tmp_path / "bundles", BuildConfig.model_validate(tiny.bundle.manifest.config))
    _, scores = score(tmp_path / "bundles", write(tmp_path / "pairs.jsonl", [(*ROSES, *SOIL)]))
    assert 0 <= scores[0]["quality"] <= 4
