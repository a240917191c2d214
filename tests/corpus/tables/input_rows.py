"""Rows of input tables as exports have them, and what the reader made of them."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Row = Mapping[str, Any]
START = datetime(2026, 6, 1, tzinfo=UTC)
A, B, C = (f"https://example.org/{name}" for name in "abc")
PAGES = [{"url": url, "title": f"Page {url[-1]}", "snippet": "About it", "language": "en"} for url in (A, B, C)]


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()


def click(url: str, seconds: float, session: str = "s", **more: Any) -> Row:
    return {"session": session, "url": url, "time": at(seconds), **more}


def shown(url2: str, position: int = 1, clicked: Any = False, impression: str = "i", **more: Any) -> Row:
    row = {"impression": impression, "time": at(0), "url1": A, "url2": url2, "position": position, "clicked": clicked}
    return {**row, **more}


def write(path: Path, rows: Sequence[Row]) -> Path:
    """Write rows in the format of the file's extension; later rows may have other columns."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    if path.name.endswith(".parquet"):
        pq.write_table(pa.table({name: [row.get(name) for row in rows] for name in names}), path)
    elif ".jsonl" in path.name:
        with (gzip.open if path.suffix == ".gz" else open)(path, "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    else:
        with (gzip.open if path.suffix == ".gz" else open)(path, "wt", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(rows)
    return path


def table(out: Path, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(out / f"{name}.parquet").to_pylist()
    return rows


def rejected(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "rejected.jsonl").read_text().splitlines()]
