"""Each tool's export of the same log becomes the same visits."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpus.imports import exports
from tests.corpus.imports.conftest import Import
from tests.corpus.imports.exports import LOG, SITE, START

RYE, OVEN, SOUR = (f"{SITE}/{path}" for path in ("rezepte/roggenbrot", "technik/ofen", "rezepte/sauerteig"))
VISITS = [
    [(SOUR, START, 42.0), (RYE, START + 60, 15.0), (OVEN, START + 90, None)],
    [(RYE, START + 30, 20.0), (OVEN, START + 55, None)],
]


def test_ga4_json(imported: Import, tmp_path: Path) -> None:
    file = exports.write_ga4_json(tmp_path / "events_20260501.json.gz", exports.ga4_events())
    assert imported("ga4", file).visits == VISITS


def test_ga4_parquet(imported: Import, tmp_path: Path) -> None:
    file = exports.write_ga4_parquet(tmp_path / "events_20260501.parquet", exports.ga4_events())
    assert imported("ga4", file).visits == VISITS


def test_matomo_json(imported: Import, tmp_path: Path) -> None:
    file = tmp_path / "visits.json"
    file.write_text(exports.json.dumps(exports.matomo_visits()), "utf-8")
    assert imported("matomo", file).visits == VISITS


@pytest.mark.parametrize("translated", [False, True])
@pytest.mark.parametrize("separator", [",", "\t"])
def test_matomo_csv_in_utf16(imported: Import, tmp_path: Path, separator: str, translated: bool) -> None:
    text = exports.matomo_csv(exports.matomo_visits(), separator, translated)
    found = imported("matomo", exports.write_matomo_csv(tmp_path / "visits.csv", text))
    assert found.visits == VISITS
    assert found.pages[OVEN]["title"] == "Der Ofen, heiß"


def test_snowplow(imported: Import, tmp_path: Path) -> None:
    file = tmp_path / "part-00000"
    file.write_bytes(exports.gzip.compress("\n".join(exports.snowplow_lines()).encode()))
    found = imported("snowplow", file)
    # A page ping every five seconds: reading times are whole heartbeats.
    assert found.visits == [
        [(SOUR, START, 40.0), (RYE, START + 60, 15.0), (OVEN, START + 90, None)],
        [(RYE, START + 30, 20.0), (OVEN, START + 55, None)],
    ]


def test_plausible_events(imported: Import, tmp_path: Path) -> None:
    file = tmp_path / "events.csv"
    file.write_text(exports.plausible_events(), "utf-8")
    found = imported("plausible", file)
    assert [[url for url, _, _ in visit] for visit in found.visits] == [[SOUR, RYE, OVEN], [RYE, f"{OVEN}"]]
    assert found.visits[0][0][2] == 42.0


def test_plausible_totals_tell_pages_but_no_visits(imported: Import, tmp_path: Path) -> None:
    found = imported("plausible", exports.write_plausible_zip(tmp_path / "brot_example_20260502.zip"))
    assert set(found.pages) == {SOUR, RYE}
    assert found.pages[RYE]["title"] == "rezepte roggenbrot"
    assert not (found.out / "clicks.parquet").exists()
    assert found.left_out == {"totals that name no page": 1}


def test_ids_of_readers_are_in_no_file(imported: Import, tmp_path: Path) -> None:
    file = exports.write_ga4_json(tmp_path / "events.json.gz", exports.ga4_events())
    out = imported("ga4", file).out
    for path in (path for path in out.rglob("*") if path.is_file()):
        data = path.read_bytes()
        assert not any(seen.reader.encode() in data for seen in LOG), path


def test_two_runs_give_a_session_two_numbers(imported: Import, tmp_path: Path) -> None:
    file = exports.write_ga4_json(tmp_path / "events.json.gz", exports.ga4_events())
    first = {row["session"] for row in imported("ga4", file).clicks}
    assert first.isdisjoint(row["session"] for row in imported("ga4", file).clicks)
