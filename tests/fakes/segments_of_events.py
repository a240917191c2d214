"""Segments of the spool, and the kind of row that they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson


def row(number: int, **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "event_id": f"event-{number:05}",
        "kind": "impression",
        "time": "2026-11-26T09:00:00.000001Z",
        "received": "2026-11-26T09:00:01.000000Z",
        "impression_id": f"impression-{number}",
        "unit": None,
        "answer_id": "A",
        "experiment": "",
        "arm": "",
        "bundle": "20250101T000000Z-0123abcd",
        "url1": "https://a.example/1",
        "urls": ["https://a.example/2", None],
        "propensities": None,
        "shuffled": None,
        "teams": None,
        "position": None,
        "url2": None,
        "dwell_s": None,
    }
    return {**made, **fields}


def lines(*rows: dict[str, Any]) -> bytes:
    return b"".join(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in rows)


def segment(directory: Path, name: str, numbers: range) -> Path:
    path = directory / f"{name}.jsonl"
    path.write_bytes(lines(*map(row, numbers)))
    return path
