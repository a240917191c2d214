"""From exports to answers: `onward import`, `onward inspect --data`, a build, `onward recommend`."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import Result
from typer.testing import CliRunner

from cli.main import app
from corpus.schema import InputError
from pipeline.build import build
from tests.conftest import CONFIG, START, tiny_clicks, tiny_pages
from tests.corpus.imports import exports

TOPICS = ("roses", "soup")


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200", "TERM": "dumb"})


def done(*arguments: object) -> str:
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def event(row: dict, name: str = "page_view", ms: int | None = None) -> dict:
    """Return a click of the tiny corpus as Google Analytics tells it, `ms` later where it tells reading time."""
    seen = exports.Seen(row["session"], 1, 0, "/", row["title"])
    made = exports.ga4_event(seen, name, ms)
    made["event_timestamp"] = str(int((row["time"] + timedelta(milliseconds=ms or 0)).timestamp() * 1e6))
    made["event_params"][1]["value"]["string_value"] = f"{row['url']}?gclid=x"
    return made


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A crawl and a log of two topics of the tiny corpus, imported."""
    root = tmp_path_factory.mktemp("import")
    pages = [row for row in tiny_pages().to_pylist() if row["url"].split("/")[3] in TOPICS]
    titles = {row["url"]: row["title"] for row in pages}
    responses = [
        exports.warc_response(
            row["url"], exports.html_page(row["title"], f"{row['snippet']}. " * 6, "", row["language"]).encode()
        )
        for row in pages
    ]
    exports.write_warc(root / "crawl.warc.gz", responses)
    clicks = [row | {"title": titles[row["url"]]} for row in tiny_clicks().to_pylist() if row["url"] in titles]
    days = root / "analytics"
    days.mkdir()
    for day in (0, 20):
        some = [row for row in clicks if day <= (row["time"] - START).days < day + 20]
        events = [made for row in some for made in (event(row), event(row, "user_engagement", 9_000))]
        exports.write_ga4_json(days / f"events_202503{day + 1:02}.json.gz", events)
    done("import", "warc", root / "crawl.warc.gz", "--out", root / "data")
    output = done("import", "ga4", days, "--out", root / "data", "--report", root / "report.json")
    assert "data: 100 pages" in output
    return root / "data"


def test_the_report_counts_everything(data: Path) -> None:
    report = json.loads((data.parent / "report.json").read_bytes())
    assert report["files"] == 2
    assert report["read"] == sum(report["kept"].values()) + sum(why["count"] for why in report["left_out"].values())
    assert report["tables"]["clicks"] == report["kept"]["views"]
    assert report["tables"]["only_in_log"] == 0


def test_inspect_shows_the_tables(data: Path) -> None:
    output = done("inspect", "--data", data)
    assert "100; 0.0 % without text" in output
    assert "en 100.0 %" in output
    assert "100.0 % with reading time" in output
    assert "100.0 % of the rows are on a page of the pages table" in output
    assert "build, quick" in output


def test_inspect_takes_data_alone(data: Path) -> None:
    assert "give --data without" in invoke("inspect", "--data", data, "--steps").output


def test_what_was_imported_is_built_and_answers(data: Path, tmp_path: Path) -> None:
    bundle = build(data, tmp_path / "bundles", CONFIG)
    assert bundle is not None and bundle.manifest.rows["pages"] == 100
    url = pq.read_table(data / "pages.parquet")["url"][0].as_py()
    (tmp_path / "urls").write_text(f"{url}?utm_source=x\n")
    lines = done("recommend", "--bundles", tmp_path / "bundles", "--urls", tmp_path / "urls").splitlines()
    (answer,) = [json.loads(line) for line in lines if line.startswith("{")]  # the others tell the progress
    assert len(answer["recommendations"]) == 5


def test_an_error_names_the_file_and_the_fix(tmp_path: Path) -> None:
    (tmp_path / "sitemap.xml").write_text(exports.sitemap([exports.entry("/a")]))
    result = invoke("import", "ga4", tmp_path / "sitemap.xml", "--out", tmp_path / "out")
    assert isinstance(result.exception, InputError)
    assert "sitemap.xml is not a BigQuery export of Google Analytics 4; it looks like a sitemap" in str(
        result.exception
    )


def test_a_file_that_does_not_exist(tmp_path: Path) -> None:
    result = invoke("import", "ga4", tmp_path / "events_*.json", "--out", tmp_path / "out")
    assert isinstance(result.exception, InputError)
    assert "is not a file, a directory with files, or a pattern" in str(result.exception)


def test_only_a_sitemap_takes_html(tmp_path: Path) -> None:
    assert "only a sitemap takes it" in invoke("import", "ga4", "x", "--out", tmp_path, "--pages", tmp_path).output
