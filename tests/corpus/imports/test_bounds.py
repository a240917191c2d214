"""Files that would fill memory: a record has a limit, and one that goes beyond it is counted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.corpus.imports import exports
from tests.corpus.imports.conftest import Import
from tests.corpus.imports.exports import LOG, SITE

_MB = 1 << 20
_SIZE = 48  # MB of a file
_READ = """
import sys
from collections import Counter
from pathlib import Path
from corpus.imports.export_file import open_export
from corpus.imports.registry import IMPORTERS

def peak():
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024

before = peak()
file = open_export(Path(sys.argv[2]), Path(sys.argv[2]).parent)
assert IMPORTERS[sys.argv[1]].recognises(file)
kinds = Counter(getattr(record, "reason", type(record).__name__) for _, record in IMPORTERS[sys.argv[1]].read(file))
print(peak() - before, *sorted(kinds), sep="|")
"""
_EVENT = json.dumps(exports.ga4_event(LOG[0])).encode()
_START, _END = (part.encode() for part in exports.sitemap(["\0"]).split("\0"))
_ENTRY = exports.entry("/a").encode()


def read(tool: str, path: Path, parts: Iterable[bytes]) -> tuple[float, list[str]]:
    """Read a file in a process of its own; return by how many MB its peak grew, and the kinds of records."""
    with path.open("wb") as file:
        file.writelines(parts)
    done = subprocess.run([sys.executable, "-c", _READ, tool, str(path)], capture_output=True, text=True, check=True)
    grown, *kinds = done.stdout.strip().split("|")
    return float(grown), kinds


@pytest.mark.parametrize(
    "parts",
    [
        [b'{"event_params":[', *[b'{"key":"x","value":{}},' * (_MB // 23)] * _SIZE, b"{}]}"],
        [b'{"x":"', *[b'y\\"' * (_MB // 3)] * _SIZE, b'\\\\"}'],
    ],
    ids=["many values", "a string"],
)
def test_a_huge_element_of_json_costs_itself_alone(tmp_path: Path, parts: list[bytes]) -> None:
    grown, kinds = read("ga4", tmp_path / "events.json", [b"[", _EVENT, b",", *parts, b",", _EVENT, b"]"])
    assert kinds == ["View", "malformed: element is longer than 16 MB"]
    assert grown < 150  # MB; parsed, the first takes 900


def test_json_of_a_depth_that_nobody_writes_ends_the_file(tmp_path: Path) -> None:
    grown, kinds = read("ga4", tmp_path / "events.json", [b"[", _EVENT, b",", *[b"[" * _MB] * _SIZE])
    assert kinds == ["View", "malformed: the JSON ends or breaks here, and the rest of the file is not read"]
    assert grown < 150


def test_a_huge_object_after_another(tmp_path: Path) -> None:
    first = json.dumps(exports.ga4_event(LOG[0]), indent=1).encode()
    grown, kinds = read("ga4", tmp_path / "e", [first, b'\n{"rows":\n[', *[b"{},\n" * (_MB // 4)] * _SIZE, b"{}]}"])
    assert kinds == ["View", "malformed: element is longer than 16 MB"]
    assert grown < 150


@pytest.mark.parametrize(
    "inside",
    [[b"<x>y</x>" * (_MB // 8)] * _SIZE, [b"<url><loc>x</loc>", *[b"<image:image/>" * (_MB // 14)] * _SIZE, b"</url>"]],
    ids=["between entries", "in an entry"],
)
def test_a_sitemap_full_of_other_elements(tmp_path: Path, inside: list[bytes]) -> None:
    grown, kinds = read("sitemap", tmp_path / "sitemap.xml", [_START, _ENTRY, *inside, _ENTRY, _END])
    assert kinds == ["Page", "malformed: an entry is longer than 4 MB, and the rest is not read"]
    assert grown < 150


def test_parquet_with_one_large_row_group(tmp_path: Path) -> None:
    exports.write_ga4_parquet(tmp_path / "small", [exports.ga4_event(LOG[0])])
    one = pq.read_table(tmp_path / "small")
    [row] = one.to_pylist()
    long = [{"key": "x", "value": {"string_value": "x" * 400_000}}]
    rows = [row | {"event_params": [*row["event_params"], *long]}] * 300
    pq.write_table(pa.Table.from_pylist(rows, one.schema), tmp_path / "e", use_dictionary=False, compression="none")
    grown, kinds = read("ga4", tmp_path / "events.parquet", [(tmp_path / "e").read_bytes()])
    assert kinds == ["View"]
    assert grown < 250  # of 120 MB of text


def test_long_user_agents_are_not_remembered(tmp_path: Path) -> None:
    agents = (f"Mozilla {number}" + "m" * number * 20_000 for number in range(2 * _SIZE))
    lines = (exports.snowplow_event(LOG[0], useragent=agent).encode() + b"\n" for agent in agents)
    grown, kinds = read("snowplow", tmp_path / "events.tsv", lines)
    assert kinds == ["View"]
    assert grown < 60


def test_values_nested_deeper_than_python_prints(imported: Import, tmp_path: Path) -> None:
    deep = json.loads("[" * 900 + "]" * 900)
    events = [exports.ga4_event(LOG[at]) for at in range(4)]
    events[0]["event_timestamp"] = events[1]["event_name"] = events[2]["user_pseudo_id"] = deep
    (tmp_path / "e.json").write_text("\n".join(map(json.dumps, events)))
    found = imported("ga4", tmp_path / "e.json")
    assert found.report.ledger.kept["views"] == 2
    assert found.left_out == {"bad time": 1, "event a list": 1}


def test_a_number_of_thousands_of_digits_costs_no_other_element(imported: Import, tmp_path: Path) -> None:
    text = f'[{_EVENT.decode()},{json.dumps(exports.ga4_event(LOG[1]))[:-1]},"n":{"9" * 9_000}}},{_EVENT.decode()}]'
    (tmp_path / "e.json").write_text(text)
    found = imported("ga4", tmp_path / "e.json")
    assert found.report.ledger.kept["views"] >= 2


def test_a_header_with_a_name_of_200_kb(imported: Import, tmp_path: Path) -> None:
    header, _, rows = exports.plausible_events().partition("\n")
    wide = "\n".join(f'{row},"x"' for row in rows.splitlines())
    (tmp_path / "events.csv").write_text(f'{header},"{"n" * 200_000}"\n{wide}\n')
    assert imported("plausible", tmp_path / "events.csv").report.ledger.kept["views"] == len(LOG)


def test_pages_are_those_of_the_site(imported: Import, tmp_path: Path) -> None:
    """What is left of a sitemap that is cut at the limit is used."""
    (tmp_path / "s.xml").write_bytes(b"".join([_START, _ENTRY, b"<x>y</x>" * _MB, _ENTRY, _END]))
    assert list(imported("sitemap", tmp_path / "s.xml").pages) == [f"{SITE}/a"]
