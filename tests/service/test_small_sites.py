"""Very small sites, built and queried as a user would."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from cli.main import app
from store.bundle import open_bundle

WORDS = ["bread", "flour", "yeast", "dough", "oven", "crust", "knead", "sourdough", "bake", "loaf"]
START = datetime(2026, 5, 1, tzinfo=UTC)
SETTINGS = {
    "two_tower.head_steps": 5, "cross_encoder.steps": 2, "cross_encoder.triplets": 4, "cross_encoder.labels": 4,
    "cross_encoder.frozen_layers": 5, "examples.stage2_pages": 8, "labels.judged": 40,
}  # fmt: skip


def invoke(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def answers(root: Path, pages: int, visits: list[tuple[str, int]]) -> list[dict[str, Any]]:
    """Build a site whose visits are (session, page), a minute apart each, and return the answer for every page."""
    (root / "data").mkdir()
    urls = [f"https://bakery.example/{page}" for page in range(pages)]
    rows = [
        {
            "url": url,
            "language": "en",
            "title": f"{WORDS[n % 10]} {WORDS[n // 3 % 10]} {n}",
            "snippet": " ".join(WORDS[n % 7 :]),
        }
        for n, url in enumerate(urls)
    ]
    _write(root / "data/pages.jsonl", rows)
    if visits:
        clicks = [
            {"session": session, "url": urls[page], "time": (START + timedelta(minutes=number)).isoformat()}
            for number, (session, page) in enumerate(visits)
        ]
        _write(root / "data/clicks.jsonl", clicks)
    changes = [part for key, value in SETTINGS.items() for part in ("--set", f"{key}={value}")]
    assert "is current" in invoke("build", "--data", root / "data", "--bundles", root / "bundles", *changes)
    (root / "urls.txt").write_text("\n".join(urls))
    invoke("recommend", "--bundles", root / "bundles", "--urls", root / "urls.txt", "--out", root / "answers.jsonl")
    return [json.loads(line) for line in (root / "answers.jsonl").read_text().splitlines()]


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_site_whose_log_covers_few_of_its_pages_is_served(tmp_path: Path) -> None:
    walk = [(f"s{number}", (number + step) % 9) for number in range(12) for step in range(3)]
    found = answers(tmp_path, 30, walk)
    assert [len(answer["recommendations"]) for answer in found] == [5] * 30
    assert {flag for answer in found for flag in answer["degraded"]} == set()
    assert open_bundle(tmp_path / "bundles").manifest.dimensions["cf"] == 9


def test_a_site_of_one_page_is_served(tmp_path: Path) -> None:
    (answer,) = answers(tmp_path, 1, [])
    assert answer["recommendations"] == []
    assert "empty" in answer["degraded"]
    assert "stage 1 learnt nothing" in " ".join(open_bundle(tmp_path / "bundles").manifest.notes)
