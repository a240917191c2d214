"""Odd, broken and hostile files: what can be read is, what cannot is named, and memory stays bounded."""

from __future__ import annotations

import bz2
import gzip
import json
import random
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.imports.export_file import open_export
from corpus.imports.registry import IMPORTERS
from corpus.imports.run import Options
from corpus.imports.text_records import json_objects
from corpus.schema import InputError
from corpus.urls.host_pattern import host_pattern
from tests.corpus.imports import exports
from tests.corpus.imports.conftest import Import
from tests.corpus.imports.exports import LOG, SITE

PAGE = exports.html_page("Sauerteig", "Mehl und Wasser reichen. " * 9).encode()


def ga4(path: Path, lines: bytes) -> Path:
    path.write_bytes(lines)
    return path


def events(count: int = 4) -> bytes:
    return b"".join(json.dumps(exports.ga4_event(LOG[0]._replace(at=at))).encode() + b"\n" for at in range(count))


def write_all(directory: Path) -> dict[str, Path]:
    """Write an export of every tool."""
    return {
        "ga4": ga4(directory / "ga4", events()),
        "matomo": exports.write_matomo_csv(directory / "matomo", exports.matomo_csv(exports.matomo_visits())),
        "plausible": exports.write_plausible_zip(directory / "plausible"),
        "snowplow": ga4(directory / "snowplow", "\n".join(exports.snowplow_lines()).encode()),
        "sitemap": ga4(directory / "sitemap", exports.sitemap([exports.entry("/a")]).encode()),
        "warc": exports.write_warc(directory / "warc", [exports.warc_response(f"{SITE}/a", PAGE)]),
    }


@pytest.mark.parametrize("tool", IMPORTERS)
@pytest.mark.parametrize("other", IMPORTERS)
def test_another_tools_file_is_named(imported: Import, tmp_path: Path, tool: str, other: str) -> None:
    file = write_all(tmp_path)[other]
    if tool == other:
        assert imported(tool, file).report.ledger.files == 1
    else:
        with pytest.raises(InputError, match=f"use `onward import {other}`"):
            imported(tool, file)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\0" * 5000, b"<html><body>", b"a,b,c\n1,2,3\n", b"\xff\xfe"])
@pytest.mark.parametrize("tool", IMPORTERS)
def test_no_export_at_all(imported: Import, tmp_path: Path, tool: str, content: bytes) -> None:
    with pytest.raises(
        InputError, match=f"file is not {IMPORTERS[tool].title}".replace("(", r"\(").replace(")", r"\)")
    ):
        imported(tool, ga4(tmp_path / "file", content))


def test_other_files_in_a_directory_are_passed_over_and_named(imported: Import, tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "README.txt").write_text("Exported on Monday")
    (tmp_path / "export" / "_SUCCESS").write_text("")
    ga4(tmp_path / "export" / "events.json", events())
    found = imported("ga4", tmp_path / "export")
    assert found.report.ledger.files == 1
    assert [line.partition(" is not")[0].rpartition("/")[2] for line in found.report.ledger.unread] == ["README.txt"]


def test_truncated_gzip_keeps_what_came_before_and_says_so(imported: Import, tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(events(1) + b" " * random.Random(n).randrange(9) + b"\n" for n in range(40_000)), 1)
    found = imported("ga4", ga4(tmp_path / "e.json.gz", whole[: len(whole) // 2]))
    assert 1 <= found.report.ledger.kept["views"] < 40_000
    assert "e.json.gz could not be read" in found.report.ledger.unread[0]


def test_marks_and_nul_bytes(imported: Import, tmp_path: Path) -> None:
    found = imported("ga4", ga4(tmp_path / "e.json", b"\xef\xbb\xbf" + events(1) + b"\0\0\0\n" + events(2)))
    assert found.report.ledger.kept["views"] == 3
    assert found.left_out == {"malformed: line is not JSON": 1}


def test_utf16_of_json(imported: Import, tmp_path: Path) -> None:
    file = ga4(tmp_path / "e.json", b"\xff\xfe" + events(2).decode().encode("utf-16-le"))
    assert imported("ga4", file).report.ledger.kept["views"] == 2


def test_a_line_of_100_mb_is_left_out(imported: Import, tmp_path: Path) -> None:
    with (tmp_path / "e.json").open("wb") as file:
        file.write(events(1))
        for _ in range(100):
            file.write(b"x" * (1 << 20))
        file.write(b"\n" + events(1))
    found = imported("ga4", tmp_path / "e.json")
    assert found.report.ledger.kept["views"] == 2
    assert found.left_out == {"malformed: line is longer than 16 MB": 1}


def test_an_array_that_ends_early_keeps_what_came_before(imported: Import, tmp_path: Path) -> None:
    text = json.dumps(exports.matomo_visits())
    found = imported("matomo", ga4(tmp_path / "visits.json", text[: text.rindex("idVisit")].encode()))
    assert found.report.ledger.kept["views"] == 3
    assert [reason.partition(":")[0] for reason in found.left_out] == ["malformed"]


def test_several_arrays_one_after_another(imported: Import, tmp_path: Path) -> None:
    text = json.dumps(exports.matomo_visits())
    found = imported("matomo", ga4(tmp_path / "visits.json", f"{text}\n{text}".encode()))
    assert found.report.ledger.kept["views"] == 10
    assert found.report.tables.repeated == 5


def test_times(imported: Import, tmp_path: Path) -> None:
    times = [
        time.time_ns() // 1000 + 3 * 86_400_000_000,
        1_777_626_000,
        -1,
        None,
        "",
        [],
        10**40,
        1_777_626_000_000_000,
    ]
    lines = [json.dumps(exports.ga4_event(LOG[0]) | {"event_timestamp": at}) for at in times]
    found = imported("ga4", ga4(tmp_path / "e.json", "\n".join(lines).encode()))
    assert found.report.ledger.kept["views"] == 1
    assert found.left_out == {"bad time": 6, "time in the future": 1}


def test_without_consent_the_referrer_makes_a_session_of_two(imported: Import, tmp_path: Path) -> None:
    event = exports.ga4_event(LOG[0]) | {"user_pseudo_id": None}
    event["event_params"].append({"key": "page_referrer", "value": {"string_value": f"{SITE}/technik/ofen"}})
    found = imported("ga4", ga4(tmp_path / "e.json", json.dumps(event).encode()))
    assert [[url for url, _, _ in visit] for visit in found.visits] == [
        [f"{SITE}/technik/ofen", f"{SITE}/rezepte/sauerteig"]
    ]


def test_one_host_alone(imported: Import, tmp_path: Path) -> None:
    event = exports.ga4_event(LOG[0])
    event["event_params"][1]["value"]["string_value"] = "https://www-brot-example.translate.goog/a"
    file = ga4(tmp_path / "e.json", events(1) + json.dumps(event).encode())
    found = imported("ga4", file, options=Options(hosts=[host_pattern("brot.example")]))
    assert found.left_out == {"another host": 1}


def test_snowplow_names_rejected_events_and_robots(imported: Import, tmp_path: Path) -> None:
    bad = {"schema": "iglu:com.snowplowanalytics.snowplow.badrows/schema_violations/jsonschema/2-0-0", "data": {}}
    robot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
    lines = [
        exports.snowplow_event(LOG[0]),
        json.dumps(bad),
        exports.snowplow_event(LOG[0], "link_click"),
        exports.snowplow_event(LOG[0], useragent=robot),
        exports.snowplow_event(LOG[0], br_type="Robot"),
        "too\tfew",
    ]
    found = imported("snowplow", ga4(tmp_path / "part", "\n".join(lines).encode()))
    assert found.left_out == {
        "rejected by Snowplow: schema_violations": 1,
        "event link_click": 1,
        "robot": 2,
        "malformed: not 131 columns": 1,
    }
    assert found.report.ledger.examples["event link_click"] == "part, line 3, event: 'link_click'"


def test_tables_of_the_site_are_not_overwritten(imported: Import, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "clicks.csv").write_text("session,url,time\n")
    with pytest.raises(InputError, match=r"clicks\.csv, which no import made"):
        imported("ga4", ga4(tmp_path / "e.json", events()))


def test_a_failed_import_changes_nothing(imported: Import, tmp_path: Path) -> None:
    before = imported("ga4", ga4(tmp_path / "e.json", events())).clicks
    out = tmp_path / "out"
    with pytest.raises(InputError, match="none of 1 records"):
        imported("ga4", ga4(tmp_path / "e.json", json.dumps(exports.ga4_event(LOG[0], "scroll")).encode()))
    assert [row["time"] for row in before] and (out / "clicks.parquet").exists()
    assert sorted(path.name for path in (out / "_imports").iterdir()) == ["ga4"]


@pytest.mark.parametrize("tool", IMPORTERS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_mangled_files_give_records_or_an_error_that_names_the_file(
    tool: str, tmp_path: Path, data: st.DataObject
) -> None:
    whole = write_all(tmp_path)[tool].read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    cut = data.draw(st.integers(at, min(len(whole), at + 200)))
    mangled = tmp_path / "mangled"
    mangled.write_bytes(whole[:at] + data.draw(st.binary(max_size=40)) + whole[cut:])
    try:
        file = open_export(mangled, tmp_path)
        if IMPORTERS[tool].recognises(file):
            for number, record in IMPORTERS[tool].read(file):
                assert number >= 1 and record is not None
    except InputError as error:
        assert "mangled" in str(error) or "imported_" in str(error)


def zstd(data: bytes) -> bytes:
    return pa.compress(data, "zstd", asbytes=True)


def _random(count: int) -> bytes:
    """Return lines of events that hardly compress, so that a break is far from their end."""
    draw = random.Random(1)
    lines = (json.dumps(exports.ga4_event(LOG[0]) | {"x": draw.randbytes(300).hex()}) for _ in range(count))
    return "".join(f"{line}\n" for line in lines).encode()


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, zstd], ids=["gzip", "bz2", "zstd"])
def test_all_that_came_before_a_break_is_kept(imported: Import, tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """A break a few kilobytes before the end loses the last lines, not the last megabyte."""
    packed = pack(_random(4_000))
    found = imported("ga4", ga4(tmp_path / "e.json", packed[: -(1 << 12) if pack is not bz2.compress else -(1 << 19)]))
    assert found.report.ledger.kept["views"] > (3_900 if pack is not bz2.compress else 1_000)
    assert "e.json could not be read" in found.report.ledger.unread[0]


def test_a_small_file_that_breaks_off_counts_as_far_as_it_goes(imported: Import, tmp_path: Path) -> None:
    found = imported("ga4", ga4(tmp_path / "e.json.gz", gzip.compress(_random(40))[:-2_000]))
    assert 20 < found.report.ledger.kept["views"] < 40
    assert "e.json.gz could not be read" in found.report.ledger.unread[0]


@pytest.mark.parametrize("packed", [False, True])
def test_utf16_that_breaks_off_counts_as_far_as_it_goes(imported: Import, tmp_path: Path, packed: bool) -> None:
    text = exports.matomo_csv(exports.matomo_visits()) + "\n" + ("x" * 4_000)
    data = b"\xff\xfe" + text.encode("utf-16-le")
    file = tmp_path / "visits.csv"
    file.write_bytes(gzip.compress(data)[:-9] if packed else data[:-1])
    found = imported("matomo", file)
    assert found.report.ledger.kept["views"] == len(LOG)
    assert "visits.csv could not be read" in found.report.ledger.unread[0]


@pytest.mark.parametrize("end", ["", "]"])
def test_text_that_looks_like_half_a_surrogate_stays(tmp_path: Path, end: str) -> None:
    """A backslash and `ud800` are text; a lone escape, as truncating leaves it, is none."""
    path = tmp_path / "export.json"
    path.write_text("["[: len(end)] + r'{"kept": "C:\\ud800", "cut": ""}' + end)
    assert [found for _, found in json_objects(open_export(path, tmp_path))] == [{"kept": r"C:\ud800", "cut": ""}]
    path.write_text("["[: len(end)] + r'{"kept": "", "cut": "a\ud83d"}' + end)
    assert [found for _, found in json_objects(open_export(path, tmp_path))] == [{"kept": "", "cut": "a\ufffd"}]
